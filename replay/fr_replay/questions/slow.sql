-- name: slow
-- question: Which model calls took longest, and did they wait for the first byte, for retries or for many tokens?
-- args: since=24h until=now limit=20
-- reads: since..until
SELECT trace_id, step, started_at, duration_ms, ttft_ms, attempts, tokens_in, tokens_out,
  coalesce(model_resolved, model_requested) AS model, provider, status, code_location
FROM calls
WHERE duration_ms IS NOT NULL AND started_at >= $since AND started_at < $until
ORDER BY duration_ms DESC, trace_id, step
LIMIT $limit
