-- name: malformed
-- question: Which provider, endpoint or model gives malformed answers, since when, and whom did they reach?
-- args: since=24h until=now by=provider contents=no limit=20
-- reads: before..until parts
WITH bounds AS (
  -- A window more is read in front, to tell what rose within this one.
  SELECT $since::TIMESTAMPTZ AS since, $until::TIMESTAMPTZ AS until, $since::TIMESTAMPTZ - ($until::TIMESTAMPTZ - $since::TIMESTAMPTZ) AS before
), read AS (
  SELECT blob_id, any_value(locked) IS NULL AND NOT json_valid(any_value(content)) AS no_json FROM (
    SELECT lower(hex(blob_id)) AS blob_id, locked, CASE WHEN text THEN decode(data) END AS content FROM all_blobs WHERE $contents::VARCHAR = 'yes' AND text) GROUP BY ALL
), asked AS (
  SELECT c.trace_id, c.step, c.started_at, c.sample_weight AS w, c.user_ref, c.tenant_id, c.finish_reason_raw,
    CASE $by::VARCHAR WHEN 'provider' THEN c.provider WHEN 'endpoint' THEN c.server_address WHEN 'model' THEN coalesce(c.model_resolved, c.model_requested) WHEN 'prompt' THEN c.system_prompt_sha256
      WHEN 'agent' THEN c.agent_name WHEN 'tenant' THEN c.tenant_id WHEN 'region' THEN c.region WHEN 'sdk' THEN c.sdk_name || ' ' || c.sdk_version END AS "by",
    CASE WHEN c.finish_reason = 'length' THEN 'cut off' WHEN c.finish_reason = 'refusal' OR coalesce(c.refusal, false) THEN 'refused' WHEN c.finish_reason = 'content_filter' THEN 'filtered'
      WHEN c.finish_reason = 'error' THEN 'ended with an error' WHEN c.response_end IN ('cut', 'error') THEN 'broken off' WHEN c.finish_reason IS NULL THEN 'no end'
      WHEN c.output_sha256 IS NULL AND c.finish_reason <> 'tool_calls' THEN 'empty' WHEN c.response_format_sha256 IS NOT NULL AND r.no_json THEN 'not the JSON asked for' END AS fault,
    c.trace_id || ' ' || epoch_us(date_trunc('hour', c.started_at)) AS unit, c.started_at >= b.since AS inside
  FROM bounds b, (SELECT k.*, a.response_end FROM calls k LEFT JOIN (SELECT trace_id, call_span_id AS span_id, arg_max(response_end, attempt_no) AS response_end FROM attempts
      WHERE started_at >= (SELECT before FROM bounds) AND started_at < $until GROUP BY ALL) a USING (trace_id, span_id)) c LEFT JOIN read r ON r.blob_id = c.output_blob
  WHERE c.started_at >= b.before AND c.started_at < b.until AND c.status = 'ok' AND coalesce(c.operation, 'chat') = 'chat'
), units AS (
  SELECT coalesce("by", '(none)') AS "by", unit, min(started_at) AS moment, max(w) AS w, avg((fault IS NOT NULL)::INT::DOUBLE) AS x, bool_or(inside) AS inside FROM asked GROUP BY ALL
), running AS (
  SELECT *, sum(w * (x - mean)) OVER (PARTITION BY "by" ORDER BY moment, unit ROWS UNBOUNDED PRECEDING) AS excess, lead(moment) OVER (PARTITION BY "by" ORDER BY moment, unit) AS following
  FROM (SELECT *, sum(w * x) OVER (PARTITION BY "by") / sum(w) OVER (PARTITION BY "by") AS mean FROM units)
), turned AS (
  SELECT "by", arg_min(following, excess) FILTER (following IS NOT NULL) AS since, sum(w * x) FILTER (inside) / sum(w) FILTER (inside) AS mean, count(*) FILTER (inside) AS n, var_pop(x) FILTER (inside) AS spread
  FROM running GROUP BY ALL HAVING bool_or(inside)
), rises AS (
  SELECT u."by", t.since, sum(u.w * u.x) FILTER (u.moment < t.since) / sum(u.w) FILTER (u.moment < t.since) AS before, sum(u.w * u.x) FILTER (u.moment >= t.since) / sum(u.w) FILTER (u.moment >= t.since) AS after,
    count(*) FILTER (u.moment < t.since) AS n_before, count(*) FILTER (u.moment >= t.since) AS n_after,
    coalesce(var_pop(u.x) FILTER (u.moment < t.since), 0) AS spread_before, coalesce(var_pop(u.x) FILTER (u.moment >= t.since), 0) AS spread_after
  FROM units u JOIN turned t USING ("by") GROUP BY ALL
), judged AS (
  -- Standard errors where there is enough to take them from; else the likelihood ratio, which tells rare from common where few are counted.
  SELECT *, coalesce(n_before >= 10 AND n_after >= 4 AND after >= 2 * before AND after - before >= 0.02 AND m < 1
    AND greatest(if(n_before >= 10 AND n_after >= 10, (after - before) / sqrt(greatest(spread_after, 1 / n_after) / n_after + greatest(spread_before, 1 / n_before) / n_before), 0),
      sqrt(greatest(2 * (if(after > 0, n_after * after * ln(after / m), 0) + if(after < 1, n_after * (1 - after) * ln((1 - after) / (1 - m)), 0)
      + if(before > 0, n_before * before * ln(before / m), 0) + if(before < 1, n_before * (1 - before) * ln((1 - before) / (1 - m)), 0)), 0))) >= 4.3, false) AS rose
  FROM (SELECT *, (n_before * before + n_after * after) / (n_before + n_after) AS m FROM rises)
), elsewhere AS (
  SELECT t."by", sum(o.mean * o.n) / sum(o.n) AS share, sum(o.n) AS n FROM turned t JOIN turned o ON o."by" <> t."by" GROUP BY ALL
), faults AS (
  SELECT coalesce(a."by", '(none)') AS "by", round(sum(a.w))::BIGINT AS calls, round(coalesce(sum(a.w) FILTER (a.fault IS NOT NULL), 0))::BIGINT AS malformed,
    coalesce(sum(a.w) FILTER (a.fault IS NOT NULL), 0) / sum(a.w) AS share, mode(a.fault) FILTER (a.fault IS NOT NULL AND (NOT coalesce(j.rose, false) OR a.started_at >= j.since)) AS mostly,
    count(DISTINCT a.trace_id) FILTER (a.fault IS NOT NULL) AS traces, count(DISTINCT a.user_ref) FILTER (a.fault IS NOT NULL) AS users,
    min(a.started_at) FILTER (a.fault IS NOT NULL AND (NOT coalesce(j.rose, false) OR a.started_at >= j.since)) AS first_seen, max(a.started_at) FILTER (a.fault IS NOT NULL) AS last_seen,
    arg_min(a.trace_id, a.started_at) FILTER (a.fault IS NOT NULL AND (NOT coalesce(j.rose, false) OR a.started_at >= j.since)) AS first_trace,
    arg_min(a.step, a.started_at) FILTER (a.fault IS NOT NULL AND (NOT coalesce(j.rose, false) OR a.started_at >= j.since)) AS first_step
  FROM asked a LEFT JOIN judged j ON j."by" = coalesce(a."by", '(none)') WHERE a.inside GROUP BY ALL
)
SELECT f."by", round(f.share, 4) AS share, f.mostly, if(j.rose, j.since, NULL) AS since, f.malformed, f.calls, round(e.share, 4) AS share_elsewhere, if(j.rose, round(j.before, 4), NULL) AS share_before,
  if(j.rose, round(j.after, 4), NULL) AS share_since, f.traces, f.users, f.first_seen, f.last_seen, f.first_trace, f.first_step
FROM faults f JOIN turned t USING ("by") LEFT JOIN judged j USING ("by") LEFT JOIN elsewhere e USING ("by")
ORDER BY (t.mean - coalesce(e.share, 0)) / sqrt(greatest(t.spread, 1 / t.n) / t.n + coalesce(e.share * (1 - e.share), 0) / coalesce(e.n, 1)) + if(j.rose, 3, 0) DESC, f.malformed DESC, f."by"
LIMIT $limit
