-- name: retries
-- question: How many model calls needed a retry, why, and how long was waited for?
-- args: since=24h until=now
-- reads: since..until
WITH asked AS (
  SELECT provider, round(sum(sample_weight))::BIGINT AS calls, round(coalesce(sum(sample_weight) FILTER (attempts > 1), 0))::BIGINT AS retried
  FROM calls WHERE started_at >= $since AND started_at < $until GROUP BY ALL
), causes AS (
  SELECT provider, retry_cause AS cause, round(sum(sample_weight))::BIGINT AS retries, sum(backoff_ms * sample_weight) / 1000 AS waited_s, min(started_at) AS first_seen, max(started_at) AS last_seen
  FROM attempts WHERE retry_cause IS NOT NULL AND started_at >= $since AND started_at < $until GROUP BY ALL
)
SELECT a.provider, a.calls, a.retried, round(a.retried / a.calls, 4) AS retried_share, c.cause, c.retries, c.waited_s, c.first_seen, c.last_seen
FROM asked a LEFT JOIN causes c ON c.provider IS NOT DISTINCT FROM a.provider
ORDER BY c.retries DESC NULLS LAST, a.provider, c.cause
