-- name: find
-- question: Where on record does a text occur: in prompts, messages, answers, tool arguments and results?
-- args: since=7d until=now text= limit=50
-- reads: since..until parts
WITH wanted AS (
  SELECT lower($text::VARCHAR) AS plain, lower(substr(to_json($text::VARCHAR)::VARCHAR, 2, length(to_json($text::VARCHAR)::VARCHAR) - 2)) AS escaped
), stored AS (
  SELECT blob_id, decode(data) AS content FROM all_blobs WHERE text AND data IS NOT NULL
), held AS (
  SELECT s.blob_id, any_value(s.content) AS content, any_value(greatest(strpos(lower(s.content), w.plain), strpos(lower(s.content), w.escaped))) AS place
  FROM stored s, wanted w WHERE contains(lower(s.content), w.plain) OR contains(lower(s.content), w.escaped) GROUP BY s.blob_id
), named AS (
  SELECT trace_id, span_id, kind, started_at, sample_weight, user_ref, unnest([
    {place: 'system prompt', ids: [system_prompt_blob]}, {place: 'message', ids: message_blobs}, {place: 'answer', ids: [output_blob, reasoning_blob]},
    {place: 'tool arguments', ids: [tool_args_blob]}, {place: 'tool result', ids: list_concat(tool_result_parts, [tool_result_blob])},
    {place: 'decision', ids: [decision_blob, inputs_blob]}, {place: 'fact', ids: [fact_blob, before_blob, after_blob]},
    {place: 'retrieved', ids: document_blobs}, {place: 'error', ids: [error_blob]}, {place: 'request', ids: if(kind IN ('http_call', 'llm_attempt'), request_parts, NULL)},
    {place: 'response', ids: if(kind = 'http_call', response_parts, NULL)}, {place: 'output', ids: if(kind = 'output', nd_value_parts, NULL)}], recursive := true)
  FROM all_events WHERE started_at >= $since AND started_at < $until
), used AS (
  SELECT trace_id, span_id, kind, started_at, sample_weight, user_ref, place, unnest(ids) AS blob_id FROM named WHERE ids IS NOT NULL
), met AS (
  SELECT u.trace_id, h.blob_id, arg_min(u.place, (u.place = 'request', u.started_at)) AS "where", arg_min(u.span_id, (u.kind <> 'llm_call', u.started_at)) AS span_id,
    min(u.started_at) AS started_at, sum(u.sample_weight) AS times, any_value(u.user_ref) AS user_ref, any_value(h.content) AS content, any_value(h.place) AS place
  FROM used u JOIN held h USING (blob_id) GROUP BY ALL
), first_met AS (
  FROM met ORDER BY started_at DESC, trace_id, blob_id LIMIT $limit
)
SELECT lower(hex(m.trace_id)) AS trace_id, c.step, m."where", m.started_at,
  regexp_replace(substr(m.content, greatest(m.place - 40, 1)::BIGINT, 120), '\s+', ' ', 'g') AS excerpt, round(m.times)::BIGINT AS times, m.user_ref, lower(hex(m.blob_id)) AS blob_id
FROM first_met m LEFT JOIN calls c ON c.trace_id = lower(hex(m.trace_id)) AND c.span_id = lower(hex(m.span_id))
ORDER BY m.started_at DESC, trace_id, blob_id
