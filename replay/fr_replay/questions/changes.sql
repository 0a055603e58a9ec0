-- name: changes
-- question: What changed between two windows: prompt, tools, parameters, model, code, SDK, configuration, index; and how well does each change tell the windows, and a metric, apart?
-- args: since=1h until=now baseline_since= baseline_until= metric= score=
-- reads: since..until before..before_until
WITH bounds AS (
  SELECT $since::TIMESTAMPTZ AS since, $until::TIMESTAMPTZ AS until, coalesce($baseline_until::TIMESTAMPTZ, $since::TIMESTAMPTZ) AS before_until,
    coalesce($baseline_since::TIMESTAMPTZ, coalesce($baseline_until::TIMESTAMPTZ, $since::TIMESTAMPTZ) - ($until::TIMESTAMPTZ - $since::TIMESTAMPTZ)) AS before_since
), asked AS (
  SELECT c.*, c.started_at >= b.since AND c.started_at < b.until AS is_after,
    CASE $metric::VARCHAR WHEN 'errors' THEN (status = 'error')::INT::DOUBLE WHEN 'cost' THEN cost_usd WHEN 'latency' THEN if(status = 'ok', duration_ms, NULL)
      WHEN 'score' THEN s.score END AS figure, i.indexes
  FROM bounds b, calls c LEFT JOIN (SELECT trace_id, avg(score_value) AS score FROM scores WHERE name = $score::VARCHAR GROUP BY trace_id) s USING (trace_id)
    LEFT JOIN (SELECT trace_id, string_agg(DISTINCT coalesce(index_id, 'index') || coalesce(' ' || index_version, ''), ', ' ORDER BY coalesce(index_id, 'index') || coalesce(' ' || index_version, '')) AS indexes
      FROM retrievals GROUP BY trace_id) i USING (trace_id)
  WHERE (c.started_at >= b.since AND c.started_at < b.until) OR (c.started_at >= b.before_since AND c.started_at < b.before_until)
), grain AS (
  SELECT count(DISTINCT trace_id) FILTER (is_after) >= 4 AND count(DISTINCT trace_id) FILTER (NOT is_after) >= 4 AS by_trace FROM asked
), named AS (
  SELECT if(g.by_trace, trace_id, trace_id || span_id) AS unit, coalesce(agent_name, '') AS agent, is_after, started_at, sample_weight, figure, unnest([
    {dimension: 'system prompt', value: coalesce(system_prompt_sha256, '(none)'), detail: system_prompt_blob},
    {dimension: 'model asked for', value: model_requested, detail: provider},
    {dimension: 'version that ran', value: model_requested || ' -> ' || model_resolved, detail: model_resolved_source},
    {dimension: 'tool schemas', value: coalesce(tools_sha256, '(none)'), detail: array_to_string(tool_names, ', ')},
    {dimension: 'parameters', value: coalesce(params_sha256, '(none)'), detail: params_sent},
    {dimension: 'agent', value: agent_name, detail: NULL},
    {dimension: 'code version', value: code_version || if(code_dirty, ' (dirty)', ''), detail: NULL},
    {dimension: 'agent version', value: coalesce(agent_name || ' ', '') || agent_version, detail: NULL},
    {dimension: 'SDK version', value: sdk_name || ' ' || sdk_version, detail: NULL},
    {dimension: 'configuration', value: config::VARCHAR, detail: NULL},
    {dimension: 'feature flags', value: flags::VARCHAR, detail: NULL},
    {dimension: 'retrieval index', value: indexes, detail: NULL},
    {dimension: 'endpoint', value: server_address, detail: provider},
    {dimension: 'service tier', value: service_tier_used, detail: NULL},
    {dimension: 'fingerprint', value: system_fingerprint, detail: model_requested}], recursive := true)
  FROM asked, grain g
), worn AS (
  SELECT dimension, value, if(dimension = 'agent', '', agent) AS agent, unit, is_after, min(detail) AS detail, min(started_at) AS first_seen, max(started_at) AS last_seen, sum(sample_weight) AS calls,
    max(sample_weight) AS w, avg(figure) AS figure, if($metric::VARCHAR IN ('errors', 'score'), avg(figure), avg(ln(greatest(figure, 1e-9)))) AS x
  FROM named WHERE value IS NOT NULL GROUP BY ALL
), sums AS (
  SELECT dimension, count(*) AS n, count(DISTINCT value) AS k, count(*) FILTER (is_after) / count(*) AS part_after,
    coalesce(sum(w) FILTER (is_after), 0) AS after, coalesce(sum(w) FILTER (NOT is_after), 0) AS before,
    sum(w * x) / sum(w) FILTER (x IS NOT NULL) AS mean, sum(w * x * x) / sum(w) FILTER (x IS NOT NULL) - power(sum(w * x) / sum(w) FILTER (x IS NOT NULL), 2) AS variance,
    count(x) AS n_figure, count(DISTINCT value) FILTER (x IS NOT NULL) AS k_figure, sum(w) FILTER (x IS NOT NULL) AS weight
  FROM worn GROUP BY ALL HAVING after > 0 AND before > 0
), each AS (
  SELECT w.dimension, w.value, min(w.detail) AS detail, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen,
    coalesce(sum(w.calls) FILTER (NOT w.is_after), 0) AS calls_before, coalesce(sum(w.calls) FILTER (w.is_after), 0) AS calls_after,
    coalesce(sum(w.w) FILTER (NOT w.is_after), 0) / any_value(s.before) AS share_before, coalesce(sum(w.w) FILTER (w.is_after), 0) / any_value(s.after) AS share_after,
    sum(w.w) FILTER (w.x IS NOT NULL) * power(sum(w.w * w.x) / sum(w.w) FILTER (w.x IS NOT NULL) - any_value(s.mean), 2) AS between_groups,
    sum(w.w * w.figure) / sum(w.w) FILTER (w.figure IS NOT NULL) AS metric
  FROM worn w JOIN sums s USING (dimension) GROUP BY ALL
), strata AS (
  -- Each agent by itself: that one agent was asked more, and another less, is no change of prompts or models.
  SELECT dimension, agent, count(*) AS n, count(DISTINCT value) AS k, count(*) FILTER (is_after) / count(*) AS part_after, coalesce(sum(w) FILTER (is_after), 0) AS after, coalesce(sum(w) FILTER (NOT is_after), 0) AS before
  FROM worn GROUP BY ALL HAVING after > 0 AND before > 0
), cells AS (
  SELECT w.dimension, w.agent, w.value, coalesce(sum(w.w) FILTER (NOT w.is_after), 0) / any_value(s.before) AS b, coalesce(sum(w.w) FILTER (w.is_after), 0) / any_value(s.after) AS a
  FROM worn w JOIN strata s USING (dimension, agent) GROUP BY ALL
), tables AS (
  SELECT c.dimension, c.agent, any_value(s.n) AS n, any_value(s.k) AS k, sum(s.part_after * (1 - s.part_after) * power(c.a - c.b, 2) / (s.part_after * c.a + (1 - s.part_after) * c.b)) AS phi
  FROM cells c JOIN strata s USING (dimension, agent) GROUP BY ALL
), split_up AS (
  SELECT *, n * phi > k - 1 + 4 * sqrt(2 * (k - 1)) + 4 AS beyond_chance, CASE WHEN n < 2 OR k < 2 OR k >= n THEN 0.0
      ELSE least(sqrt(greatest(phi - (k - 1) / (n - 1), 0) / greatest(least(k - power(k - 1, 2) / (n - 1), 2 - 1 / (n - 1)) - 1, 1e-9)), 1) END AS split
  FROM tables
), told AS (
  SELECT dimension, coalesce(max(split) FILTER (beyond_chance), sqrt(sum(n * split * split) / sum(n))) AS split, sqrt(sum(n * split * split) / sum(n)) AS split_all,
    sum(n * phi) > sum(k - 1) + 4 * sqrt(2 * sum(k - 1)) + 4 OR bool_or(beyond_chance) AS beyond_chance
  FROM split_up GROUP BY dimension
), figures AS (
  SELECT e.dimension, any_value(s.k) AS k, sum(e.between_groups) / nullif(any_value(s.weight * s.variance), 0) AS r2, any_value(s.n_figure) AS n_figure, any_value(s.k_figure) AS k_figure
  FROM each e JOIN sums s USING (dimension) GROUP BY ALL
), scored AS (
  SELECT f.dimension, f.k AS distinct_values, t.beyond_chance, t.split, t.split_all, CASE WHEN f.n_figure > f.k_figure THEN greatest(1 - (1 - f.r2) * (f.n_figure - 1) / (f.n_figure - f.k_figure), 0) END AS explains
  FROM figures f JOIN told t USING (dimension)
), moved AS (
  SELECT dimension, value, arg_max(c.a - c.b, abs(c.a - c.b) + u.beyond_chance::INT) AS moved, nullif(arg_max(c.agent, abs(c.a - c.b) + u.beyond_chance::INT), '') AS agent FROM cells c JOIN split_up u USING (dimension, agent) GROUP BY ALL
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY if($metric::VARCHAR IS NULL, split, split * coalesce(explains, 0)) DESC, split DESC, split_all DESC, dimension) AS rank
  FROM scored WHERE split > 0 AND (beyond_chance OR split_all >= 0.8)
)
SELECT r.rank, r.dimension, round(r.split, 4) AS split, round(r.explains, 4) AS explains, e.value, round(e.share_before, 4) AS share_before, round(e.share_after, 4) AS share_after,
  round(e.calls_before)::BIGINT AS calls_before, round(e.calls_after)::BIGINT AS calls_after, round(e.metric, 6) AS metric, e.first_seen, e.last_seen, e.detail, r.distinct_values, m.agent, round(m.moved, 4) AS moved
FROM ranked r JOIN each e USING (dimension) LEFT JOIN moved m USING (dimension, value)
QUALIFY row_number() OVER (PARTITION BY r.rank ORDER BY abs(m.moved) DESC NULLS LAST, abs(e.share_after - e.share_before) DESC, e.calls_after DESC, e.value) <= 6
ORDER BY r.rank, abs(m.moved) DESC NULLS LAST, abs(e.share_after - e.share_before) DESC, e.calls_after DESC, e.value
