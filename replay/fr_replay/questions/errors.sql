-- name: errors
-- question: Which errors do model calls meet, from which provider and model, since when, and are they overcome by retries?
-- args: since=24h until=now limit=50
WITH tries AS (
  SELECT trace_id, call_span_id AS call_id, provider, model_requested, error_type, http_status, error_message, status, started_at FROM attempts
  UNION ALL
  SELECT trace_id, span_id, provider, model_requested, error_type, http_status, error_message, status, started_at FROM calls
  WHERE transport = 'manual'
)
SELECT coalesce(t.error_type, 'http ' || t.http_status, t.status) AS error, t.provider, t.model_requested,
  count(*) AS attempts,
  count(DISTINCT (t.trace_id, t.call_id)) AS calls,
  count(DISTINCT (t.trace_id, t.call_id)) FILTER (c.status = 'error') AS calls_failed,
  min(t.started_at) AS first_seen, max(t.started_at) AS last_seen, t.http_status,
  arg_max(t.error_message, t.started_at) AS last_message, arg_max(t.trace_id, t.started_at) AS last_trace
FROM tries t LEFT JOIN calls c ON c.trace_id = t.trace_id AND c.span_id = t.call_id
WHERE t.status = 'error' AND t.started_at >= $since AND t.started_at < $until
GROUP BY ALL
ORDER BY attempts DESC, last_seen DESC, error
LIMIT $limit
