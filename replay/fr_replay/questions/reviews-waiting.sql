-- name: reviews-waiting
-- question: Which decisions of reviewers are waited for longest?
-- args: since=30d until=now limit=20
-- reads: since..until
WITH told AS (
  SELECT *, coalesce(json_extract_string(data, '$.queue'), tool_name, '(none)') AS queue, verdict IN ('requested', 'pending', 'waiting', 'escalated') AS open,
    coalesce(tool_call_id, about_span_id, about_step::VARCHAR, tool_name, '') AS about
  FROM reviews WHERE started_at >= $since AND started_at < $until
)
SELECT trace_id, arg_max(queue, (started_at, seq)) AS queue, min(started_at) FILTER (open) AS waiting_since, arg_max(verdict, (started_at, seq)) AS verdict, arg_max(tool_name, (started_at, seq)) AS tool_name,
  any_value(about_step) AS step, any_value(user_ref) AS user_ref, any_value(tenant_id) AS tenant_id, arg_max(reason, (started_at, seq)) AS reason
FROM told GROUP BY trace_id, about
HAVING arg_max(open, (started_at, seq))
ORDER BY waiting_since, trace_id
LIMIT $limit
