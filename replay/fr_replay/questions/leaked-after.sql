-- name: leaked-after
-- question: Which model calls and effects came after a control went off?
-- args: since=7d until=now control= state=off agent=
WITH changed AS (
  SELECT started_at, control_state, lead(started_at) OVER (ORDER BY started_at, seq) AS following, lag(control_state) OVER (ORDER BY started_at, seq) AS earlier
  FROM controls WHERE name = $control::VARCHAR AND started_at < $until
), off AS (
  -- A change that says again what holds already begins nothing new.
  SELECT started_at AS off_at, coalesce((SELECT min(o.started_at) FROM changed o WHERE o.started_at > c.started_at AND o.control_state <> $state::VARCHAR), $until::TIMESTAMPTZ) AS on_at
  FROM changed c WHERE control_state = $state::VARCHAR AND earlier IS DISTINCT FROM $state::VARCHAR
), leaked AS (
  SELECT c.trace_id, o.off_at, min(c.started_at) AS first_call, max(c.started_at) AS last_call, round(sum(c.sample_weight))::BIGINT AS calls, any_value(c.agent_name) AS agent_name,
    any_value(coalesce(c.model_resolved, c.model_requested)) AS model, any_value(c.user_ref) AS user_ref, any_value(c.tenant_id) AS tenant_id, any_value(c.host) AS host, any_value(c.pid) AS pid, sum(c.cost_usd * c.sample_weight) AS cost_usd
  FROM calls c JOIN off o ON c.started_at >= o.off_at AND c.started_at < o.on_at
  WHERE c.started_at >= $since AND c.started_at < $until AND ($agent::VARCHAR IS NULL OR coalesce(c.agent_name GLOB $agent::VARCHAR, false)) GROUP BY c.trace_id, o.off_at
), effects AS (
  SELECT l.trace_id, l.off_at, round(coalesce(sum(t.sample_weight) FILTER (t.side_effect = 'irreversible'), 0))::BIGINT AS irreversible, round(coalesce(sum(t.sample_weight) FILTER (t.side_effect = 'write'), 0))::BIGINT AS writes,
    list_sort(list(DISTINCT t.tool_name) FILTER (t.side_effect IN ('irreversible', 'write'))) AS tools
  FROM leaked l JOIN off o USING (off_at) JOIN tools t ON t.trace_id = l.trace_id AND t.started_at >= o.off_at AND t.started_at < o.on_at GROUP BY ALL
)
SELECT l.trace_id, l.off_at, l.first_call, round((epoch_us(l.first_call) - epoch_us(l.off_at)) / 1e6, 3) AS seconds_after, l.calls, coalesce(e.irreversible, 0) AS irreversible, coalesce(e.writes, 0) AS writes,
  e.tools, l.agent_name, l.model, l.user_ref, l.tenant_id, l.host, l.pid, l.cost_usd, l.last_call
FROM leaked l LEFT JOIN effects e USING (trace_id, off_at)
ORDER BY l.off_at, l.first_call, l.trace_id
