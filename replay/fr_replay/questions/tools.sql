-- name: tools
-- question: Which tools are called, how often do they fail, and how long do they take?
-- args: since=24h until=now
SELECT tool_name, side_effect, count(*) AS calls, count(*) FILTER (status = 'error') AS errors,
  round(count(*) FILTER (status = 'error') / count(*), 4) AS error_share,
  quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.95) AS p95_ms, max(duration_ms) AS max_ms,
  min(started_at) AS first_seen, max(started_at) AS last_seen
FROM tools
WHERE started_at >= $since AND started_at < $until
GROUP BY ALL
ORDER BY errors DESC, calls DESC, tool_name
