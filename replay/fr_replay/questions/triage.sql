-- name: triage
-- question: Which of model, prompt, tools, parameters, code, config, retrieval, endpoint, errors, retries, fallbacks, output, answers, reviews, latency, cost and the record went red against the same length before and the same hours of yesterday and last week, and since when?
-- args: since=4h until=now
-- reads: before-24h..until since-168h..until-168h
WITH bounds AS (
  SELECT $since::TIMESTAMPTZ AS since, $until::TIMESTAMPTZ AS until, $since::TIMESTAMPTZ - ($until::TIMESTAMPTZ - $since::TIMESTAMPTZ) AS baseline
), periods AS (
  -- 0: the window; 1: the same length before; 2 and 3: the same hours a day and a week before, where they end before 1 begins; 4: the rest of the day before; 5: 1 to 4 together, where 1 alone has too little.
  SELECT *, since - INTERVAL 24 HOUR AS day_since, until - INTERVAL 24 HOUR AS day_until, since - INTERVAL 168 HOUR AS week_since, until - INTERVAL 168 HOUR AS week_until,
    until - INTERVAL 24 HOUR <= baseline AS has_day, until - INTERVAL 168 HOUR <= baseline AS has_week, baseline - INTERVAL 24 HOUR AS around FROM bounds
), placed_calls AS (
  SELECT c.*, CASE WHEN c.started_at >= b.since THEN 0 WHEN c.started_at >= b.baseline THEN 1 WHEN b.has_day AND c.started_at >= b.day_since AND c.started_at < b.day_until THEN 2
    WHEN b.has_week AND c.started_at >= b.week_since AND c.started_at < b.week_until THEN 3 ELSE 4 END AS period,
    c.trace_id || ' ' || ((epoch_us(c.started_at) - epoch_us(b.baseline)) * 48 // greatest(epoch_us(b.until) - epoch_us(b.since), 1)) AS unit
  FROM calls c, periods b WHERE c.started_at < b.until AND (c.started_at >= b.around OR b.has_week AND c.started_at >= b.week_since AND c.started_at < b.week_until)
), asked AS (
  SELECT trace_id, started_at AS moment, period, sample_weight AS w, unit, coalesce(provider, 'unknown provider') AS provider, server_address, region, tenant_id, agent_name,
    coalesce(model_requested, 'unknown model') AS model, model_requested || ' -> ' || coalesce(model_resolved, if(status = 'ok', '(not told)', NULL)) AS version,
    coalesce(system_prompt_sha256, '(none)') AS prompt, coalesce(tools_sha256, '(none)') AS tools, coalesce(params_sha256, '(none)') AS params,
    coalesce(code_version, '') || coalesce(' ' || sdk_name || ' ' || sdk_version, '') AS code, coalesce(provider || ' at ', '') || server_address AS endpoint,
    provider || ' ' || coalesce(api_flavor, '') || ' ' || response_shape_sha256 AS shape,
    status, duration_ms, cost_usd, tokens_out, coalesce(attempts > 1, false) OR coalesce(served_by = 'retry', false) AS retried,
    coalesce(served_by IN ('fallback', 'default', 'human'), false) OR coalesce(len(compensations) > 0, false) AS compensated, nullif(concat_ws(' ', config::VARCHAR, flags::VARCHAR), '') AS settings, i.indexes,
    coalesce(operation, 'chat') AS operation,
    finish_reason IS NULL OR finish_reason IN ('length', 'content_filter', 'refusal', 'error') OR coalesce(refusal, false)
      OR (output_sha256 IS NULL AND finish_reason <> 'tool_calls') AS malformed
  FROM placed_calls LEFT JOIN (SELECT trace_id, string_agg(DISTINCT coalesce(index_id, 'index') || coalesce(' ' || index_version, ''), ', ' ORDER BY coalesce(index_id, 'index') || coalesce(' ' || index_version, '')) AS indexes
    FROM retrievals GROUP BY trace_id) i USING (trace_id)
), used AS (
  SELECT t.tool_name, t.status, t.duration_ms, t.started_at AS moment, t.sample_weight AS w,
    CASE WHEN t.started_at >= b.since THEN 0 WHEN t.started_at >= b.baseline THEN 1 WHEN b.has_day AND t.started_at >= b.day_since AND t.started_at < b.day_until THEN 2
      WHEN b.has_week AND t.started_at >= b.week_since AND t.started_at < b.week_until THEN 3 ELSE 4 END AS period,
    t.trace_id || ' ' || ((epoch_us(t.started_at) - epoch_us(b.baseline)) * 48 // greatest(epoch_us(b.until) - epoch_us(b.since), 1)) AS unit
  FROM tools t, periods b WHERE t.started_at < b.until AND (t.started_at >= b.around OR b.has_week AND t.started_at >= b.week_since AND t.started_at < b.week_until)
), spent AS (
  SELECT unit, any_value(trace_id) AS trace_id, min(moment) AS moment, min(period) AS period, max(w) AS w, sum(cost_usd) AS x FROM asked WHERE cost_usd IS NOT NULL GROUP BY unit
), facts AS (
  SELECT *, unnest([{signal: 'errors', x: if(status IN ('ok', 'error'), (status = 'error')::INT::DOUBLE, NULL)}, {signal: 'retries', x: retried::INT::DOUBLE}, {signal: 'fallbacks', x: compensated::INT::DOUBLE},
    {signal: 'output', x: if(status = 'ok' AND operation = 'chat', malformed::INT::DOUBLE, NULL)}], recursive := true) FROM asked
), shares AS (
  SELECT signal, unnest([provider, 'endpoint ' || server_address, 'model ' || model, 'region ' || region, 'tenant ' || tenant_id, 'agent ' || agent_name, 'all']) AS subject, unit, moment, period, w, x FROM facts WHERE x IS NOT NULL
  UNION ALL SELECT 'reviews', unnest([coalesce(r.tool_name, 'without a tool'), 'all']), r.trace_id, r.started_at, CASE WHEN r.started_at >= b.since THEN 0 WHEN r.started_at >= b.baseline THEN 1 ELSE 4 END, 1.0,
      (r.verdict NOT IN ('approved', 'allowed'))::INT::DOUBLE
    FROM reviews r, periods b WHERE r.verdict IS NOT NULL AND r.started_at >= b.around AND r.started_at < b.until
  UNION ALL SELECT 'tool errors', unnest([tool_name, 'all']), unit, moment, period, w, (status = 'error')::INT::DOUBLE FROM used WHERE status IN ('ok', 'error')
), amounts AS (
  SELECT 'latency' AS signal, model AS subject, unit, moment, period, w, duration_ms AS x FROM asked WHERE status = 'ok' AND duration_ms IS NOT NULL
  UNION ALL SELECT 'tool latency', tool_name, unit, moment, period, w, duration_ms FROM used WHERE duration_ms IS NOT NULL
  UNION ALL SELECT 'cost', 'per trace', unit, moment, period, w, x FROM spent
  UNION ALL SELECT 'answers', coalesce(agent_name || ', ', '') || model, unit, moment, period, w, tokens_out FROM asked WHERE status = 'ok' AND operation = 'chat' AND tokens_out IS NOT NULL
), ordered AS (
  SELECT *, sum(w) OVER (PARTITION BY signal, subject, period ORDER BY x ROWS UNBOUNDED PRECEDING) / sum(w) OVER (PARTITION BY signal, subject, period) AS share_below FROM (FROM amounts UNION ALL SELECT * REPLACE (5 AS period) FROM amounts WHERE period > 0)
), tails AS (
  SELECT signal, subject, period, count(DISTINCT unit) AS units, min(x) FILTER (share_below >= 0.95) AS high, min(x) FILTER (share_below >= 0.05) AS low, min(x) FILTER (share_below >= 0.5) AS middle FROM ordered GROUP BY ALL
), limits AS (
  SELECT signal, subject, arg_min(high, period) FILTER (period IN (1, 5) AND units >= 20) AS high, arg_min(low, period) FILTER (period IN (1, 5) AND units >= 20) AS low,
    arg_min(if(signal = 'answers', middle, high), period) FILTER (period IN (1, 5) AND units >= 20) AS before, any_value(if(signal = 'answers', middle, high)) FILTER (period = 0) AS now
  FROM tails GROUP BY ALL
), observed AS (
  SELECT *, 'share' AS kind FROM shares
  UNION ALL SELECT a.* REPLACE ((a.x > l.high OR a.signal = 'answers' AND a.x < l.low)::INT::DOUBLE AS x), 'tail' FROM amounts a JOIN limits l USING (signal, subject) WHERE l.high IS NOT NULL
), units AS (
  SELECT signal, subject, kind, unit, period, min(moment) AS moment, avg(x) AS x, max(w) AS w FROM observed GROUP BY ALL
), sums AS (
  SELECT signal, subject, kind, period, count(*) AS units, sum(w * x) / sum(w) AS share, sum(w * x * x) / sum(w) AS square, power(sum(w), 2) / sum(w * w) AS n
  FROM (FROM units UNION ALL SELECT * REPLACE (5 AS period) FROM units WHERE period > 0) GROUP BY ALL
), compared AS (
  SELECT n.signal, n.subject, n.kind, r.period, n.units AS units_now, r.units AS units_before, n.share AS now, r.share AS before, r.n >= if(n.kind = 'tail', 20, 10) AND n.n >= 10 AS enough,
    (n.share - r.share) / sqrt(greatest(n.square - n.share * n.share, 1 / n.n) / n.n + greatest(r.square - r.share * r.share, 1 / r.n) / r.n) AS score
  FROM sums n JOIN sums r USING (signal, subject, kind) WHERE n.period = 0 AND r.period > 0
), tested AS (
  -- The first period with enough on record is what is compared with; a difference that was there at the same hours of yesterday or last week too is how things are.
  SELECT c.*, (c.now >= 2 * c.before OR 1 - c.now <= (1 - c.before) / 2) AND c.now - c.before >= 0.02 AS matters,
    NOT EXISTS (FROM compared u WHERE u.signal = c.signal AND u.subject = c.subject AND u.period IN (2, 3) AND u.enough AND (u.score < 2.5 OR u.now < 1.5 * u.before AND 1 - u.now > (1 - u.before) / 1.5)) AS unusual
  FROM compared c WHERE c.period IN (1, 5) QUALIFY row_number() OVER (PARTITION BY c.signal, c.subject ORDER BY c.enough DESC, c.period) = 1
), beginnings AS (
  SELECT signal, subject, arg_min(following, excess) FILTER (following IS NOT NULL) AS since FROM (
    SELECT *, sum(w * (x - mean)) OVER (PARTITION BY signal, subject ORDER BY moment, unit ROWS UNBOUNDED PRECEDING) AS excess, lead(moment) OVER (PARTITION BY signal, subject ORDER BY moment, unit) AS following
    FROM (SELECT *, sum(w * x) OVER (PARTITION BY signal, subject) / sum(w) OVER (PARTITION BY signal, subject) AS mean FROM units WHERE period < 2)) GROUP BY ALL
), slices AS (
  SELECT u.signal, u.subject, u.moment >= b.since AND u.period = 0 AS is_after, count(*) AS n, avg(u.x) AS x FROM units u JOIN beginnings b USING (signal, subject), bounds WHERE b.since >= bounds.since GROUP BY ALL
), lately AS (
  -- What began in the last part of the window: few pieces, but most of them. The likelihood ratio tells rare from common where few are counted.
  SELECT a.signal, a.subject, b.x AS before, a.x AS now, b.n AS units_before, a.n AS units_now, (a.x * a.n + b.x * b.n) / (a.n + b.n) AS mean,
    sqrt(greatest(2 * (if(a.x > 0, a.n * a.x * ln(a.x / mean), 0) + if(a.x < 1, a.n * (1 - a.x) * ln((1 - a.x) / (1 - mean)), 0)
      + if(b.x > 0, b.n * b.x * ln(b.x / mean), 0) + if(b.x < 1, b.n * (1 - b.x) * ln((1 - b.x) / (1 - mean)), 0)), 0)) AS score
  FROM slices a JOIN slices b USING (signal, subject) WHERE a.is_after AND NOT b.is_after AND a.n >= 3 AND b.n >= 20 AND a.x > b.x AND (a.x * a.n + b.x * b.n) / (a.n + b.n) < 1
), contrasts AS (
  -- How well a part tells, within the window, what fails from what does not: of provider, endpoint, model, region, agent and tenant the best is named.
  SELECT signal, subject, if(inside > mean, sqrt(2 * greatest(n * (inside * ln(inside / mean) + if(inside < 1, (1 - inside) * ln((1 - inside) / (1 - mean)), 0))
      + others * (if(outside > 0, outside * ln(outside / mean), 0) + if(outside < 1, (1 - outside) * ln((1 - outside) / (1 - mean)), 0)), 0)), 0) AS contrast
  FROM (SELECT *, (n * inside + others * outside) / (n + others) AS mean FROM (
    SELECT s.signal, s.subject, s.units AS n, s.share AS inside, greatest(a.units - s.units, 1) AS others, least(greatest(a.units * a.share - s.units * s.share, 0) / greatest(a.units - s.units, 1), 1) AS outside
    FROM sums s JOIN sums a ON a.signal = s.signal AND a.kind = 'share' AND a.subject = 'all' AND a.period = 0 WHERE s.period = 0 AND s.kind = 'share' AND s.subject <> 'all' AND s.units < a.units)) WHERE mean > 0 AND mean < 1
), judged_shares AS (
  SELECT coalesce(t.signal, r.signal) AS signal, coalesce(t.subject, r.subject) AS subject, t.kind,
    split_part(coalesce(t.subject, r.subject), ' ', 1) IN ('endpoint', 'model', 'region', 'tenant', 'agent') AS is_part,
    coalesce(t.enough AND t.score >= CASE WHEN t.kind = 'tail' THEN 4 WHEN is_part THEN 4.5 ELSE 3.5 END AND t.matters AND t.unusual, false) AS is_red,
    NOT is_red AND coalesce(r.score >= 4.3 AND r.now >= 2 * r.before AND r.now - r.before >= 0.1
      AND NOT EXISTS (FROM compared u WHERE u.signal = r.signal AND u.subject = r.subject AND u.period IN (2, 3) AND u.enough AND r.now < 1.5 * u.before), false) AS is_late,
    t.* EXCLUDE (signal, subject, kind), r.before AS late_before, r.now AS late_now, r.score AS late_score, r.units_before AS late_units_before, r.units_now AS late_units_now
  FROM tested t FULL JOIN lately r ON r.signal = t.signal AND r.subject = t.subject
), by_share AS (
  SELECT t.signal, t.subject, NULL::VARCHAR AS instead_of, CASE WHEN t.is_red OR t.is_late THEN 'red' WHEN NOT coalesce(t.enough, false) THEN 'unknown' ELSE 'green' END AS state,
    CASE WHEN t.kind = 'tail' THEN l.before WHEN t.is_late THEN t.late_before ELSE t.before END AS before, CASE WHEN t.kind = 'tail' THEN l.now WHEN t.is_late THEN t.late_now ELSE t.now END AS now,
    CASE WHEN t.kind IS DISTINCT FROM 'tail' THEN 'share' WHEN t.signal = 'cost' THEN 'usd p95' WHEN t.signal = 'answers' THEN 'tokens, middle' ELSE 'ms p95' END AS measure,
    if(t.is_late, t.late_score, t.score) AS score, s.since, if(t.is_late, t.late_units_before, t.units_before) AS units_before, if(t.is_late, t.late_units_now, t.units_now) AS units_now
  FROM judged_shares t LEFT JOIN limits l USING (signal, subject) LEFT JOIN beginnings s USING (signal, subject)
    LEFT JOIN contrasts k USING (signal, subject)
  QUALIFY row_number() OVER (PARTITION BY t.signal ORDER BY CASE state WHEN 'red' THEN 0 WHEN 'green' THEN 1 ELSE 2 END, if(k.contrast >= if(split_part(t.subject, ' ', 1) IN ('region', 'agent', 'tenant'), 3.5, 2.5), k.contrast, 0) DESC NULLS LAST, t.subject = 'all',
    coalesce(list_position(['endpoint', 'model', 'region', 'agent', 'tenant'], if(t.is_part, split_part(t.subject, ' ', 1), NULL)), 0), score DESC NULLS LAST, t.subject) = 1
), runaway AS (
  SELECT 'cost' AS signal, 'trace ' || arg_max(trace_id, x) FILTER (period = 0) AS subject, NULL::VARCHAR AS instead_of,
    CASE WHEN count(*) FILTER (period > 0) < 20 THEN 'unknown' WHEN max(x) FILTER (period = 0) >= 10 * max(x) FILTER (period > 0) THEN 'red' ELSE 'green' END AS state,
    max(x) FILTER (period > 0) AS before, max(x) FILTER (period = 0) AS now, 'usd at most' AS measure,
    4 * log10(max(x) FILTER (period = 0) / nullif(max(x) FILTER (period > 0), 0)) AS score, arg_max(moment, x) FILTER (period = 0) AS since,
    count(*) FILTER (period > 0) AS units_before, count(*) FILTER (period = 0) AS units_now
  FROM spent HAVING count(*) FILTER (period = 0) > 0
), named AS (
  SELECT trace_id, unit, moment, period, w, unnest([{signal: 'model', value: version}, {signal: 'prompt', value: prompt}, {signal: 'tools', value: tools},
    {signal: 'parameters', value: params}, {signal: 'code', value: nullif(code, '')}, {signal: 'endpoint', value: endpoint}, {signal: 'config', value: settings}, {signal: 'retrieval', value: indexes}, {signal: 'answer shape', value: shape}], recursive := true)
  FROM asked
), worn AS (
  SELECT n.signal, n.value, n.unit, n.period, any_value(n.trace_id) AS trace_id, min(n.moment) AS moment, max(n.w) AS w,
    CASE WHEN n.period = 0 THEN 2 WHEN n.period > 1 THEN -1 WHEN min(n.moment) >= b.baseline + (b.since - b.baseline) / 2 THEN 1 ELSE 0 END AS part
  FROM named n, bounds b WHERE n.value IS NOT NULL GROUP BY n.signal, n.value, n.unit, n.period, b.baseline, b.since
), known AS (
  SELECT signal, value, min(part) AS first_part, min(moment) AS first_at, count(DISTINCT trace_id) AS traces, count(*) FILTER (part = 2) AS units_now,
    sum(w) FILTER (part = 2) AS weight_now, coalesce(sum(w) FILTER (part IN (0, 1)), 0) AS weight_before,
    count(*) FILTER (part IN (0, 1)) AS units_before FROM worn GROUP BY ALL
), totals AS (
  SELECT signal, count(DISTINCT trace_id) FILTER (part = 2) AS traces_now, count(*) FILTER (part IN (0, 1)) AS units_before, count(*) FILTER (part = 2) AS units_now,
    count(*) FILTER (part = -1) AS units_earlier FROM worn GROUP BY ALL
), novel AS (
  SELECT w.signal, any_value(t.units_before + t.units_earlier) AS units_before, any_value(t.units_now) AS units_now,
    greatest(coalesce(sum(w.w) FILTER (w.part = 1 AND k.first_part = 1 AND k.traces >= least(3, t.traces_now)) / sum(w.w) FILTER (w.part = 1), 0),
      -- Values that were rare before foretell how many come up for the first time now by chance alone.
      coalesce(sum(w.w) FILTER (w.part IN (0, 1) AND k.units_before <= 2 AND k.traces >= 3) / sum(w.w) FILTER (w.part IN (0, 1)), 0)) AS before,
    coalesce(sum(w.w) FILTER (w.part = 2 AND k.first_part = 2 AND k.traces >= least(3, t.traces_now)) / sum(w.w) FILTER (w.part = 2), 0) AS now,
    coalesce(sum(w.w) FILTER (w.part = 2 AND k.traces < 3 AND t.traces_now >= 10) / sum(w.w) FILTER (w.part = 2), 0) AS once,
    arg_max(k.value, k.weight_now) FILTER (k.first_part = 2 AND k.traces >= least(3, t.traces_now)) AS newest,
    arg_max(k.first_at, k.weight_now) FILTER (k.first_part = 2 AND k.traces >= least(3, t.traces_now)) AS since,
    max(k.units_now) FILTER (k.first_part = 2 AND k.traces >= least(3, t.traces_now)) AS units_new,
    arg_max(k.value, k.weight_before) FILTER (k.weight_before > 0) AS instead_of
  FROM worn w JOIN known k USING (signal, value) JOIN totals t USING (signal) GROUP BY w.signal
), by_value AS (
  SELECT signal, if(now > 0, newest, NULL) AS subject, if(now > 0, instead_of, NULL) AS instead_of,
    CASE WHEN units_before < 10 OR units_now < 3 THEN 'unknown' WHEN units_new >= 3 AND now >= 0.05 AND now >= 2 * before + 0.05 THEN 'red'
      WHEN once > 0.5 OR before > 0.45 THEN 'unknown' ELSE 'green' END AS state,
    before, now, 'share new' AS measure, now - 2 * before AS score, since, units_before, units_now
  FROM novel
), portions AS (
  SELECT k.signal, k.value, p.period, t.units, coalesce(sum(w.w), 0) / any_value(t.weight) AS share, min(w.moment) AS moment
  FROM (SELECT signal, value FROM known WHERE first_part < 2 AND weight_now > 0) k CROSS JOIN (SELECT unnest([0, 1, 2, 3]) AS period) p
    JOIN (SELECT signal, period, count(*) AS units, sum(w) AS weight FROM worn GROUP BY ALL) t ON t.signal = k.signal AND t.period = p.period
    LEFT JOIN worn w ON w.signal = k.signal AND w.value = k.value AND w.period = p.period
  GROUP BY k.signal, k.value, p.period, t.units
), shifted AS (
  -- What was there already and spread: a rollout, or an alias that moves back and forth.
  SELECT n.signal, n.value AS subject, NULL::VARCHAR AS instead_of, 'red' AS state, r.share AS before, n.share AS now, 'share' AS measure, n.share - r.share AS score, n.moment AS since, r.units AS units_before, n.units AS units_now
  FROM portions n JOIN portions r USING (signal, value) WHERE n.period = 0 AND r.period = 1 AND n.units >= 10 AND r.units >= 10 AND n.share - r.share >= 0.3 AND n.share >= 2 * r.share
    AND (n.share - r.share) / sqrt(greatest(n.share * (1 - n.share), 1 / n.units) / n.units + greatest(r.share * (1 - r.share), 1 / r.units) / r.units) >= 5
    AND NOT EXISTS (FROM portions u WHERE u.signal = n.signal AND u.value = n.value AND u.period > 1 AND u.units >= 10 AND n.share < 1.5 * u.share)
), losses AS (
  SELECT 'recorder' AS signal, NULL::VARCHAR AS subject, NULL::VARCHAR AS instead_of,
    CASE WHEN count(*) FILTER (g.started_at >= b.since) > count(*) FILTER (g.started_at < b.since) THEN 'red' ELSE 'green' END AS state,
    count(*) FILTER (g.started_at < b.since)::DOUBLE AS before, count(*) FILTER (g.started_at >= b.since)::DOUBLE AS now, 'gaps' AS measure,
    0.0 AS score, min(g.started_at) FILTER (g.started_at >= b.since) AS since, 0 AS units_before, 0 AS units_now
  FROM bounds b LEFT JOIN gaps g ON g.started_at >= b.baseline AND g.started_at < b.until GROUP BY b.since
), silence AS (
  SELECT 'recorder' AS signal, 'nothing recorded' AS subject, NULL::VARCHAR AS instead_of, 'red' AS state, count(*)::DOUBLE AS before, 0.0 AS now, 'traces with calls' AS measure,
    1.0 AS score, max(moment) AS since, count(*) AS units_before, 0 AS units_now
  FROM (SELECT unit, min(moment) AS moment, min(period) = 0 AS is_now FROM asked WHERE period < 2 GROUP BY unit) HAVING count(*) >= 20 AND NOT bool_or(is_now)
), found AS (
  FROM by_share UNION ALL FROM runaway UNION ALL FROM by_value UNION ALL FROM shifted UNION ALL FROM losses UNION ALL FROM silence
), signals AS (
  SELECT unnest(['model', 'prompt', 'tools', 'parameters', 'code', 'config', 'retrieval', 'endpoint', 'errors', 'retries', 'fallbacks', 'output', 'answer shape', 'answers', 'tool errors', 'tool latency', 'latency', 'cost', 'reviews', 'recorder']) AS signal,
    unnest(range(20)) AS place
), judged AS (
  SELECT s.signal, s.place, f.* EXCLUDE (signal, state), coalesce(f.state, 'unknown') AS state FROM signals s LEFT JOIN found f USING (signal)
  WHERE EXISTS (FROM asked WHERE period < 2) OR EXISTS (FROM used WHERE period < 2) OR EXISTS (FROM losses l WHERE l.before + l.now > 0)
)
SELECT signal, state, subject, instead_of, round(before, 6) AS before, round(now, 6) AS now, measure, round(score, 2) AS score, if(state = 'red', since, NULL) AS since, units_before, units_now
FROM judged
QUALIFY row_number() OVER (PARTITION BY signal ORDER BY CASE state WHEN 'red' THEN 0 WHEN 'green' THEN 1 ELSE 2 END, (subject = 'all') IS TRUE, score DESC NULLS LAST, length(subject), subject) = 1
ORDER BY place
