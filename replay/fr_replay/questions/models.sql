-- name: models
-- question: Which model versions ran, under which names, and what did they use and cost?
-- args: since=24h until=now
SELECT provider, model_resolved, list_sort(list(DISTINCT model_requested)) AS requested_as, count(*) AS calls,
  count(*) FILTER (status = 'error') AS errors, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out,
  sum(tokens_cache_read) AS tokens_cache_read, sum(cost_usd) AS cost_usd, count(*) FILTER (cost_usd IS NULL AND status = 'ok') AS calls_without_cost,
  quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.95) AS p95_ms, min(started_at) AS first_seen, max(started_at) AS last_seen
FROM calls
WHERE started_at >= $since AND started_at < $until
GROUP BY provider, model_resolved
ORDER BY cost_usd DESC NULLS LAST, calls DESC
