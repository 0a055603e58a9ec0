-- name: reviews
-- question: How many decisions of reviewers are waited for, for how long, and how did they decide?
-- args: since=7d until=now
-- reads: since..until
WITH told AS (
  SELECT *, coalesce(json_extract_string(data, '$.queue'), tool_name, '(none)') AS queue, verdict IN ('requested', 'pending', 'waiting', 'escalated') AS open,
    coalesce(tool_call_id, about_span_id, about_step::VARCHAR, tool_name, '') AS about, max(sample_weight) OVER (PARTITION BY trace_id) AS w
  FROM (SELECT r.*, c.sample_weight FROM reviews r LEFT JOIN (SELECT trace_id, max(sample_weight) AS sample_weight FROM calls GROUP BY trace_id) c USING (trace_id)
    WHERE r.started_at >= $since AND r.started_at < $until)
), items AS (
  SELECT trace_id, about, arg_max(queue, started_at) AS queue, arg_max(verdict, (started_at, seq)) AS verdict, arg_max(open, (started_at, seq)) AS open, min(started_at) FILTER (open) AS asked_at,
    min(started_at) FILTER (NOT open) AS decided_at, coalesce(max(seconds), (epoch_us(min(started_at) FILTER (NOT open)) - epoch_us(min(started_at) FILTER (open))) / 1e6) AS seconds, coalesce(max(w), 1) AS w
  FROM told GROUP BY ALL
)
SELECT queue, round(coalesce(sum(w) FILTER (open), 0))::BIGINT AS waiting, min(asked_at) FILTER (open) AS oldest, round(coalesce(sum(w) FILTER (NOT open), 0))::BIGINT AS decided,
  round(coalesce(sum(w) FILTER (verdict = 'approved'), 0))::BIGINT AS approved, round(coalesce(sum(w) FILTER (verdict = 'rejected'), 0))::BIGINT AS rejected,
  quantile_cont(seconds, 0.5) FILTER (NOT open) AS p50_seconds, quantile_cont(seconds, 0.95) FILTER (NOT open) AS p95_seconds
FROM items GROUP BY queue
ORDER BY waiting DESC, oldest, decided DESC, queue
