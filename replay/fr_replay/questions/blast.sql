-- name: blast
-- question: Whom did a system prompt or a model version touch: which traces, users and tenants, and which effects that cannot be taken back?
-- args: since=7d until=now prompt= model=
-- reads: since..until
WITH touched AS (
  SELECT trace_id, min(started_at) AS first_seen, max(started_at) AS last_seen, sum(sample_weight) AS calls, max(sample_weight) AS stands_for, sum(cost_usd * sample_weight) AS cost_usd,
    any_value(user_ref) AS user_ref, any_value(tenant_id) AS tenant_id, any_value(session_id) AS session_id,
    list_sort(list(DISTINCT if($prompt::VARCHAR IS NOT NULL, system_prompt_sha256, coalesce(model_resolved, model_requested)))) AS matched
  FROM calls
  WHERE started_at >= $since AND started_at < $until AND ($prompt::VARCHAR IS NOT NULL OR $model::VARCHAR IS NOT NULL)
    AND ($prompt::VARCHAR IS NULL OR starts_with(system_prompt_sha256, lower($prompt::VARCHAR)))
    AND ($model::VARCHAR IS NULL OR model_resolved GLOB $model::VARCHAR OR model_requested GLOB $model::VARCHAR)
  GROUP BY trace_id
), effects AS (
  SELECT h.trace_id, sum(t.sample_weight) FILTER (t.side_effect = 'irreversible') AS irreversible, sum(t.sample_weight) FILTER (t.side_effect = 'write') AS writes,
    sum(t.sample_weight) FILTER (coalesce(t.side_effect, 'unknown') = 'unknown') AS unknown,
    list_sort(list(DISTINCT t.tool_name) FILTER (t.side_effect IN ('irreversible', 'write'))) AS tools
  FROM touched h JOIN tools t ON t.trace_id = h.trace_id AND coalesce(t.started_at >= h.first_seen, true) GROUP BY h.trace_id
)
SELECT h.trace_id, h.first_seen, h.user_ref, h.tenant_id, h.session_id, round(h.calls)::BIGINT AS calls, round(coalesce(e.irreversible, 0))::BIGINT AS irreversible,
  round(coalesce(e.writes, 0))::BIGINT AS writes, round(coalesce(e.unknown, 0))::BIGINT AS effect_unknown, e.tools, h.cost_usd, h.last_seen, h.stands_for, h.matched
FROM touched h LEFT JOIN effects e USING (trace_id)
ORDER BY irreversible DESC, writes DESC, h.first_seen, h.trace_id
