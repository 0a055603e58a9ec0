-- name: cost
-- question: What costs the most: which task, session, user, tenant, agent, model, prompt, trace, day or hour?
-- args: since=24h until=now by=task limit=20
-- reads: since..until
WITH spent AS (
  SELECT CASE $by::VARCHAR WHEN 'task' THEN task_id WHEN 'session' THEN session_id WHEN 'user' THEN user_ref WHEN 'tenant' THEN tenant_id WHEN 'agent' THEN agent_name
      WHEN 'model' THEN coalesce(model_resolved, model_requested) WHEN 'prompt' THEN system_prompt_sha256 WHEN 'trace' THEN trace_id
      WHEN 'day' THEN strftime(date_trunc('day', started_at), '%Y-%m-%d UTC') WHEN 'hour' THEN strftime(date_trunc('hour', started_at), '%Y-%m-%d %H:00 UTC') END AS "by",
    trace_id, started_at, status, cost_usd, tokens_in, tokens_out, sample_weight, row_number() OVER (PARTITION BY trace_id, "by") AS of_trace, sum(cost_usd) OVER (PARTITION BY trace_id) AS cost_of_trace
  FROM calls WHERE started_at >= $since AND started_at < $until
)
SELECT coalesce("by", '(none)') AS "by", sum(cost_usd * sample_weight) AS cost_usd, round(sum(cost_usd * sample_weight) / nullif(sum(sum(cost_usd * sample_weight)) OVER (), 0), 4) AS share,
  round(sum(sample_weight))::BIGINT AS calls, round(sum(sample_weight) FILTER (of_trace = 1))::BIGINT AS traces,
  round(coalesce(sum(sample_weight) FILTER (cost_usd IS NULL AND status = 'ok'), 0))::BIGINT AS calls_without_cost, round(sum(tokens_in * sample_weight))::BIGINT AS tokens_in,
  round(sum(tokens_out * sample_weight))::BIGINT AS tokens_out, arg_max(trace_id, cost_of_trace) AS costliest_trace, min(started_at) AS first_seen, max(started_at) AS last_seen
FROM spent
GROUP BY "by"
ORDER BY cost_usd DESC NULLS LAST, calls DESC, "by"
LIMIT $limit
