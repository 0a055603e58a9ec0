-- name: tools
-- question: Which tools are called, how often do they fail, and how long do they take?
-- args: since=24h until=now
-- reads: since..until
WITH weighed AS (
  SELECT *, sum(sample_weight) OVER (PARTITION BY tool_name, side_effect ORDER BY duration_ms NULLS LAST ROWS UNBOUNDED PRECEDING)
    / sum(sample_weight) FILTER (duration_ms IS NOT NULL) OVER (PARTITION BY tool_name, side_effect) AS share_faster
  FROM tools WHERE started_at >= $since AND started_at < $until
)
SELECT tool_name, side_effect, round(sum(sample_weight))::BIGINT AS calls, round(coalesce(sum(sample_weight) FILTER (status = 'error'), 0))::BIGINT AS errors,
  round(coalesce(sum(sample_weight) FILTER (status = 'error'), 0) / sum(sample_weight), 4) AS error_share,
  if(max(sample_weight) > 1, min(duration_ms) FILTER (share_faster >= 0.5), quantile_cont(duration_ms, 0.5)) AS p50_ms,
  if(max(sample_weight) > 1, min(duration_ms) FILTER (share_faster >= 0.95), quantile_cont(duration_ms, 0.95)) AS p95_ms, max(duration_ms) AS max_ms,
  min(started_at) AS first_seen, max(started_at) AS last_seen
FROM weighed
GROUP BY ALL
ORDER BY errors DESC, calls DESC, tool_name
