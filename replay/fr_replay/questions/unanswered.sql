-- name: unanswered
-- question: Which requests went out and have no answer on record?
-- args: since=24h until=now limit=50
-- reads: since..until
SELECT trace_id, step, started_at, provider, model_requested, status,
  CASE WHEN phase = 'begin' THEN 'no end on record: killed, or still running'
       WHEN status IN ('cancelled', 'abandoned') THEN 'the program gave up waiting'
       ELSE coalesce(error_type, 'no response') END AS why,
  duration_ms, attempts, code_location
FROM calls
WHERE (phase = 'begin' OR status IN ('cancelled', 'abandoned') OR (http_status IS NULL AND transport <> 'manual'))
  AND started_at >= $since AND started_at < $until
ORDER BY started_at DESC, trace_id, step
LIMIT $limit
