-- name: aliases
-- question: Which model names stayed the same in requests while the version behind them changed?
-- args: since=30d until=now
-- reads: since..until
WITH seen AS (
  SELECT provider, model_requested, model_resolved, round(sum(sample_weight))::BIGINT AS calls, min(started_at) AS first_seen, max(started_at) AS last_seen
  FROM calls
  WHERE model_requested IS NOT NULL AND model_resolved IS NOT NULL AND started_at >= $since AND started_at < $until
  GROUP BY ALL
)
SELECT provider, model_requested, model_resolved, calls, first_seen, last_seen
FROM seen
QUALIFY count(*) OVER (PARTITION BY provider, model_requested) > 1
ORDER BY provider, model_requested, first_seen
