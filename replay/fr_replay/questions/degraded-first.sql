-- name: degraded-first
-- question: Which way of serving a model call badly rose first: retries by cause, fallbacks, rewriting, failures?
-- args: since=24h until=now
-- reads: since..until
WITH causes AS (
  SELECT trace_id, call_span_id AS span_id, arg_max(retry_cause, attempt_no) AS retry_cause FROM attempts
  WHERE retry_cause IS NOT NULL AND started_at >= $since AND started_at < $until GROUP BY ALL
), asked AS (
  SELECT c.trace_id, c.started_at, c.sample_weight AS w, c.status, c.served_by, c.attempts, c.error_type, c.http_status, c.compensations, coalesce(s.retry_cause, c.retry_cause) AS retry_cause,
    coalesce(c.provider, 'unknown provider') AS provider, coalesce(c.model_resolved, c.model_requested) AS model,
    c.trace_id || ' ' || epoch_us(date_trunc('hour', c.started_at)) AS unit
  FROM calls c LEFT JOIN causes s USING (trace_id, span_id) WHERE c.started_at >= $since AND c.started_at < $until
), met AS (
  SELECT *, unnest([
    {way: 'retried', cause: if(attempts > 1 OR served_by = 'retry', 'after ' || coalesce(retry_cause, 'an unknown cause'), NULL)},
    {way: 'fallback', cause: if(served_by = 'fallback', 'to ' || coalesce(model, 'an unknown model'), NULL)},
    {way: 'rewritten', cause: if(len(compensations) > 0, 'by ' || array_to_string(list_sort(list_distinct(compensations)), ', '), NULL)},
    {way: 'otherwise', cause: if(served_by NOT IN ('primary', 'retry', 'fallback'), 'by ' || served_by, NULL)},
    {way: 'failed', cause: if(status = 'error', coalesce('http ' || http_status, error_type, 'unknown error'), NULL)}], recursive := true) FROM asked
), ways AS (
  SELECT way, cause, min(started_at) AS first_seen, max(started_at) AS last_seen, sum(w) AS calls, mode(provider) AS provider, arg_min(trace_id, started_at) AS first_trace
  FROM met WHERE cause IS NOT NULL GROUP BY ALL
), units AS (
  SELECT y.way, y.cause, m.unit, min(m.started_at) AS moment, max(m.w) AS w, avg((m.cause IS NOT DISTINCT FROM y.cause)::INT::DOUBLE) AS x FROM ways y JOIN met m USING (way) GROUP BY y.way, y.cause, m.unit
), running AS (
  SELECT *, sum(w * (x - mean)) OVER (PARTITION BY way, cause ORDER BY moment, unit ROWS UNBOUNDED PRECEDING) AS excess, lead(moment) OVER (PARTITION BY way, cause ORDER BY moment, unit) AS following
  FROM (SELECT *, sum(w * x) OVER (PARTITION BY way, cause) / sum(w) OVER (PARTITION BY way, cause) AS mean FROM units)
), turned AS (
  SELECT way, cause, arg_min(following, excess) FILTER (following IS NOT NULL) AS since FROM running GROUP BY ALL
), figures AS (
  SELECT u.way, u.cause, t.since, count(*) FILTER (u.moment < t.since) AS n_before, count(*) FILTER (u.moment >= t.since) AS n_after,
    sum(u.w * u.x) FILTER (u.moment < t.since) / sum(u.w) FILTER (u.moment < t.since) AS before, sum(u.w * u.x) FILTER (u.moment >= t.since) / sum(u.w) FILTER (u.moment >= t.since) AS after,
    coalesce(var_pop(u.x) FILTER (u.moment < t.since), 0) AS spread_before, coalesce(var_pop(u.x) FILTER (u.moment >= t.since), 0) AS spread_after
  FROM units u JOIN turned t USING (way, cause) GROUP BY ALL
), judged AS (
  -- Standard errors where there is enough to take them from; else the likelihood ratio, which tells rare from common where few are counted.
  SELECT *, if(after > before AND m < 1, greatest(if(n_before >= 10 AND n_after >= 10, (after - before) / sqrt(greatest(spread_after, 1 / n_after) / n_after + greatest(spread_before, 1 / n_before) / n_before), 0),
      sqrt(greatest(2 * (if(after > 0, n_after * after * ln(after / m), 0) + if(after < 1, n_after * (1 - after) * ln((1 - after) / (1 - m)), 0)
      + if(before > 0, n_before * before * ln(before / m), 0) + if(before < 1, n_before * (1 - before) * ln((1 - before) / (1 - m)), 0)), 0))), 0) AS score,
    n_before >= 10 AND n_after >= 4 AND after >= 2 * before AND after - before >= 0.02 AS large
  FROM (SELECT *, (n_before * before + n_after * after) / (n_before + n_after) AS m FROM figures)
)
SELECT way, cause, coalesce(large AND score >= 4.3, false) AS rose, if(rose, since, NULL) AS since, round(before, 4) AS share_before, round(after, 4) AS share_after, round(score, 2) AS score,
  round(y.calls)::BIGINT AS calls, y.provider, y.first_seen, y.last_seen, y.first_trace
FROM judged JOIN ways y USING (way, cause)
ORDER BY rose DESC, since, calls DESC, way, cause
