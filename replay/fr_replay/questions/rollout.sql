-- name: rollout
-- question: Who still runs a model version or a system prompt: which tenants, users, regions or agents, in steps of so many minutes?
-- args: since=24h until=now model= prompt= by=tenant step=15
-- reads: since..until
WITH marked AS (
  SELECT *, ($model::VARCHAR IS NULL OR coalesce(model_resolved GLOB $model::VARCHAR, false) OR coalesce(model_requested GLOB $model::VARCHAR, false))
      AND ($prompt::VARCHAR IS NULL OR coalesce(starts_with(system_prompt_sha256, lower($prompt::VARCHAR)), false)) AS under
  FROM calls WHERE started_at >= $since AND started_at < $until AND ($model::VARCHAR IS NOT NULL OR $prompt::VARCHAR IS NOT NULL)
), alike AS (
  -- Only calls that could have been under it count beside it: by the same agent and, for a model, by the same name and with a version told.
  SELECT m.* FROM marked m WHERE m.under OR ($model::VARCHAR IS NULL OR m.model_resolved IS NOT NULL)
    AND EXISTS (FROM marked o WHERE o.under AND o.agent_name IS NOT DISTINCT FROM m.agent_name AND ($model::VARCHAR IS NULL OR o.model_requested = m.model_requested))
), asked AS (
  SELECT CASE $by::VARCHAR WHEN 'tenant' THEN tenant_id WHEN 'user' THEN user_ref WHEN 'region' THEN region WHEN 'agent' THEN agent_name WHEN 'service' THEN service WHEN 'environment' THEN environment
      WHEN 'host' THEN host WHEN 'code' THEN code_version WHEN 'session' THEN session_id WHEN 'all' THEN 'all' END AS "by", started_at, trace_id, user_ref, sample_weight AS w,
    time_bucket(to_minutes($step), started_at) AS at_time, started_at >= $until::TIMESTAMPTZ - INTERVAL 1 HOUR AS recent, under
  FROM alike
), steps AS (
  SELECT "by", at_time, round(sum(w))::BIGINT AS calls, round(coalesce(sum(w) FILTER (under), 0))::BIGINT AS under FROM asked GROUP BY ALL
), rows_of AS (
  SELECT "by", coalesce(sum(w) FILTER (under AND recent), 0) / sum(w) FILTER (recent) AS share_last_hour, round(coalesce(sum(w) FILTER (recent), 0))::BIGINT AS calls_last_hour,
    coalesce(sum(w) FILTER (under), 0) / sum(w) AS share, round(sum(w))::BIGINT AS calls, round(coalesce(sum(w) FILTER (under), 0))::BIGINT AS calls_under, count(DISTINCT user_ref) FILTER (under) AS users,
    min(started_at) FILTER (under) AS first_seen, max(started_at) FILTER (under) AS last_seen, max(started_at) FILTER (NOT under) AS last_other, arg_max(trace_id, started_at) FILTER (under) AS last_trace
  FROM asked GROUP BY ALL HAVING calls_under > 0
)
SELECT coalesce(r."by", '(none)') AS "by", coalesce(r.last_seen > r.last_other, true) OR coalesce(r.share_last_hour > 0, false) AS still, round(r.share_last_hour, 4) AS share_last_hour, r.calls_last_hour, round(r.share, 4) AS share,
  r.calls_under, r.calls, r.users, r.first_seen, r.last_seen, r.last_trace, list({at_time: s.at_time, calls: s.calls, under: s.under} ORDER BY s.at_time) AS steps
FROM rows_of r JOIN steps s ON s."by" IS NOT DISTINCT FROM r."by"
GROUP BY ALL
ORDER BY still DESC, share_last_hour DESC NULLS LAST, r.last_seen DESC, calls_under DESC, "by"
