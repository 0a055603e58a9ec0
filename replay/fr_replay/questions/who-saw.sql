-- name: who-saw
-- question: Which traces, users and tenants had a text, a system prompt or a stored part before the model or in an answer?
-- args: since=7d until=now text= prompt= part=
-- reads: since..until parts
WITH wanted AS (
  SELECT lower($text::VARCHAR) AS plain, lower(substr(to_json($text::VARCHAR)::VARCHAR, 2, length(to_json($text::VARCHAR)::VARCHAR) - 2)) AS escaped
), held AS (
  SELECT DISTINCT b.blob_id FROM all_blobs b, wanted w
  WHERE $text::VARCHAR IS NOT NULL AND b.text AND b.data IS NOT NULL AND (contains(lower(decode(b.data)), w.plain) OR contains(lower(decode(b.data)), w.escaped))
  UNION SELECT DISTINCT b.blob_id FROM all_blobs b WHERE $part::VARCHAR IS NOT NULL AND starts_with(lower(hex(b.blob_id)), lower($part::VARCHAR))
), named AS (
  SELECT *, unnest([{place: 'system prompt', ids: [system_prompt_blob]}, {place: 'message', ids: message_blobs}, {place: 'answer', ids: [output_blob, reasoning_blob]},
    {place: 'tool arguments', ids: [tool_args_blob]}, {place: 'tool result', ids: list_concat(tool_result_parts, [tool_result_blob])}], recursive := true)
  FROM (SELECT trace_id, span_id, started_at, sample_weight, user_ref, tenant_id, session_id, system_prompt_blob, message_blobs, output_blob, reasoning_blob, tool_args_blob, tool_result_parts, tool_result_blob
    FROM all_events WHERE kind IN ('llm_call', 'tool_call', 'tool_seen') AND started_at >= $since AND started_at < $until AND ($text::VARCHAR IS NOT NULL OR $part::VARCHAR IS NOT NULL))
), used AS (
  SELECT trace_id, span_id, started_at, sample_weight, user_ref, tenant_id, session_id, place, unnest(ids) AS blob_id FROM named WHERE ids IS NOT NULL
), met AS (
  SELECT lower(hex(u.trace_id)) AS trace_id, lower(hex(u.span_id)) AS span_id, u.started_at, u.sample_weight, u.user_ref, u.tenant_id, u.session_id, u.place FROM used u SEMI JOIN held h USING (blob_id)
  UNION ALL SELECT trace_id, span_id, started_at, sample_weight, user_ref, tenant_id, session_id, 'system prompt' FROM calls
  WHERE $prompt::VARCHAR IS NOT NULL AND starts_with(system_prompt_sha256, lower($prompt::VARCHAR)) AND started_at >= $since AND started_at < $until
)
SELECT m.trace_id, arg_min(c.step, m.started_at) AS first_step, min(m.started_at) AS first_seen, any_value(m.user_ref) AS user_ref, any_value(m.tenant_id) AS tenant_id, any_value(m.session_id) AS session_id,
  list_sort(list(DISTINCT m.place)) AS places, count(DISTINCT m.span_id) FILTER (m.place NOT IN ('tool arguments', 'tool result')) AS calls, max(m.started_at) AS last_seen, max(m.sample_weight) AS stands_for
FROM met m LEFT JOIN calls c USING (trace_id, span_id)
GROUP BY m.trace_id
ORDER BY first_seen, m.trace_id
