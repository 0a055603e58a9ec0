-- name: degraded
-- question: Which share of model calls per hour was served clean, after a retry, by a fallback, rewritten, or not at all?
-- args: since=24h until=now
-- reads: since..until
SELECT date_trunc('hour', started_at) AS hour, round(sum(sample_weight))::BIGINT AS calls,
  round(coalesce(sum(sample_weight) FILTER (status = 'ok' AND served_by = 'primary' AND coalesce(len(compensations), 0) = 0), 0) / sum(sample_weight), 4) AS clean,
  round(coalesce(sum(sample_weight) FILTER (status = 'ok' AND served_by = 'retry' AND coalesce(len(compensations), 0) = 0), 0) / sum(sample_weight), 4) AS retried,
  round(coalesce(sum(sample_weight) FILTER (status = 'ok' AND served_by = 'fallback'), 0) / sum(sample_weight), 4) AS fallback,
  round(coalesce(sum(sample_weight) FILTER (status = 'ok' AND served_by IN ('primary', 'retry') AND len(compensations) > 0), 0) / sum(sample_weight), 4) AS rewritten,
  round(coalesce(sum(sample_weight) FILTER (status = 'ok' AND served_by NOT IN ('primary', 'retry', 'fallback')), 0) / sum(sample_weight), 4) AS otherwise,
  round(coalesce(sum(sample_weight) FILTER (status = 'error'), 0) / sum(sample_weight), 4) AS failed
FROM calls WHERE started_at >= $since AND started_at < $until
GROUP BY ALL ORDER BY hour
