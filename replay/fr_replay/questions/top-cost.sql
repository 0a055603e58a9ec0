-- name: top-cost
-- question: Which runs or requests cost the most?
-- args: since=24h until=now limit=20
-- reads: since..until
SELECT trace_id, name, started_at, cost_usd, calls_without_cost, llm_calls, tokens_in, tokens_out, models, task_id, session_id, user_ref
FROM traces
WHERE started_at >= $since AND started_at < $until AND cost_usd IS NOT NULL
ORDER BY cost_usd DESC, trace_id
LIMIT $limit
