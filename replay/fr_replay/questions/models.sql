-- name: models
-- question: Which model versions ran, under which names, and what did they use and cost?
-- args: since=24h until=now
-- reads: since..until
WITH weighed AS (
  SELECT *, sum(sample_weight) OVER (PARTITION BY provider, model_resolved ORDER BY duration_ms NULLS LAST ROWS UNBOUNDED PRECEDING)
    / sum(sample_weight) FILTER (duration_ms IS NOT NULL) OVER (PARTITION BY provider, model_resolved) AS share_faster
  FROM calls WHERE started_at >= $since AND started_at < $until
)
SELECT provider, model_resolved, list_sort(list(DISTINCT model_requested)) AS requested_as, round(sum(sample_weight))::BIGINT AS calls,
  round(coalesce(sum(sample_weight) FILTER (status = 'error'), 0))::BIGINT AS errors, round(sum(tokens_in * sample_weight))::BIGINT AS tokens_in, round(sum(tokens_out * sample_weight))::BIGINT AS tokens_out,
  round(sum(tokens_cache_read * sample_weight))::BIGINT AS tokens_cache_read, sum(cost_usd * sample_weight) AS cost_usd,
  round(coalesce(sum(sample_weight) FILTER (cost_usd IS NULL AND status = 'ok'), 0))::BIGINT AS calls_without_cost,
  if(max(sample_weight) > 1, min(duration_ms) FILTER (share_faster >= 0.5), quantile_cont(duration_ms, 0.5)) AS p50_ms,
  if(max(sample_weight) > 1, min(duration_ms) FILTER (share_faster >= 0.95), quantile_cont(duration_ms, 0.95)) AS p95_ms, min(started_at) AS first_seen, max(started_at) AS last_seen
FROM weighed
GROUP BY provider, model_resolved
ORDER BY cost_usd DESC NULLS LAST, calls DESC
