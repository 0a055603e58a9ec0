-- name: errors
-- question: Which errors do model calls meet, from which provider and model, since when, and are they overcome by retries?
-- args: since=24h until=now limit=50
-- reads: since..until
WITH tries AS (
  SELECT trace_id, call_span_id AS call_id, provider, model_requested, error_type, http_status, error_message, status, started_at, sample_weight FROM attempts
  UNION ALL
  SELECT trace_id, span_id, provider, model_requested, error_type, http_status, error_message, status, started_at, sample_weight FROM calls
  WHERE transport = 'manual'
), met AS (
  SELECT *, coalesce(error_type, 'http ' || http_status, status) AS error,
    row_number() OVER (PARTITION BY trace_id, call_id, coalesce(error_type, 'http ' || http_status, status), provider, model_requested, http_status ORDER BY started_at) AS of_call
  FROM tries WHERE status = 'error' AND started_at >= $since AND started_at < $until
)
SELECT t.error, t.provider, t.model_requested,
  round(sum(t.sample_weight))::BIGINT AS attempts,
  round(coalesce(sum(t.sample_weight) FILTER (t.of_call = 1), 0))::BIGINT AS calls,
  round(coalesce(sum(t.sample_weight) FILTER (t.of_call = 1 AND c.status = 'error'), 0))::BIGINT AS calls_failed,
  min(t.started_at) AS first_seen, max(t.started_at) AS last_seen, t.http_status,
  arg_max(t.error_message, t.started_at) AS last_message, arg_max(t.trace_id, t.started_at) AS last_trace
FROM met t LEFT JOIN calls c ON c.trace_id = t.trace_id AND c.span_id = t.call_id
GROUP BY ALL
ORDER BY attempts DESC, last_seen DESC, error
LIMIT $limit
