-- name: effect
-- question: Which tool call or request made a given effect, such as a refund by its id: in which trace, after which decision, under which prompt and version?
-- args: since=30d until=now ref= limit=50
-- reads: since..until parts
WITH held AS (
  SELECT DISTINCT blob_id FROM all_blobs WHERE $ref::VARCHAR IS NOT NULL AND text AND data IS NOT NULL AND contains(lower(decode(data)), lower($ref::VARCHAR))
), acts AS (
  SELECT trace_id, span_id, started_at, user_ref, tenant_id, coalesce(tool_name, request_method || ' ' || request_url) AS act, kind, status,
    if(kind = 'http_call', if(request_method IN ('GET', 'HEAD', 'OPTIONS'), 'read', 'write'), coalesce(side_effect, 'unknown')) AS side_effect,
    unnest([{place: 'result', ids: if(kind = 'http_call', response_parts, list_concat(tool_result_parts, [tool_result_blob]))},
      {place: 'arguments', ids: if(kind = 'http_call', request_parts, [tool_args_blob])}], recursive := true)
  FROM all_events WHERE kind IN ('tool_call', 'tool_seen', 'http_call') AND started_at >= $since AND started_at < $until
), met AS (
  SELECT a.* EXCLUDE (ids, blob_id) FROM (SELECT *, unnest(ids) AS blob_id FROM acts WHERE ids IS NOT NULL) a SEMI JOIN held h USING (blob_id)
), each AS (
  SELECT lower(hex(trace_id)) AS trace_id, lower(hex(span_id)) AS span_id, started_at, user_ref, tenant_id, act, side_effect, status, kind, max(place) AS place FROM met GROUP BY ALL
)
SELECT e.trace_id, c.step, e.act AS tool, e.side_effect, e.place AS "where", e.started_at, e.status, e.user_ref, e.tenant_id, c.system_prompt_sha256, c.model_requested, c.model_resolved
FROM each e ASOF LEFT JOIN (SELECT * FROM calls WHERE started_at IS NOT NULL) c ON c.trace_id = e.trace_id AND e.started_at >= c.started_at
ORDER BY CASE e.side_effect WHEN 'irreversible' THEN 0 WHEN 'write' THEN 1 WHEN 'unknown' THEN 2 ELSE 3 END, e.place = 'result' DESC, e.kind = 'tool_seen', e.started_at, e.trace_id, e.act
LIMIT $limit
