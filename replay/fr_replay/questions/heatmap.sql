-- name: heatmap
-- question: At which hour of which weekday are model calls slow, failing, costly or many?
-- args: since=28d until=now tz=UTC
-- reads: since..until
WITH placed AS (
  SELECT *, isodow(timezone($tz::VARCHAR, started_at)) AS weekday, hour(timezone($tz::VARCHAR, started_at)) AS hour
  FROM calls WHERE started_at >= $since AND started_at < $until
), weighed AS (
  SELECT *, sum(sample_weight) OVER (PARTITION BY weekday, hour ORDER BY duration_ms NULLS LAST ROWS UNBOUNDED PRECEDING)
    / sum(sample_weight) FILTER (duration_ms IS NOT NULL) OVER (PARTITION BY weekday, hour) AS share_faster
  FROM placed
)
SELECT weekday, hour, round(sum(sample_weight))::BIGINT AS calls, min(duration_ms) FILTER (share_faster >= 0.5) AS p50, min(duration_ms) FILTER (share_faster >= 0.95) AS p95,
  coalesce(sum(sample_weight) FILTER (status = 'error'), 0) / sum(sample_weight) FILTER (status IN ('ok', 'error')) AS errors, sum(cost_usd * sample_weight) AS cost
FROM weighed
GROUP BY weekday, hour
ORDER BY weekday, hour
