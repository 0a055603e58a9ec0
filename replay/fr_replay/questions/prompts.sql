-- name: prompts
-- question: Which system prompts were in use, since when, and by how many calls?
-- args: since=7d until=now limit=50
-- reads: since..until parts
WITH used AS (
  SELECT system_prompt_sha256 AS prompt, any_value(system_prompt_blob) AS blob, round(sum(sample_weight))::BIGINT AS calls,
    round(sum(sample_weight) FILTER (of_trace = 1))::BIGINT AS traces,
    round(coalesce(sum(sample_weight) FILTER (status = 'error'), 0))::BIGINT AS errors, list(DISTINCT coalesce(model_resolved, model_requested)) AS models,
    min(started_at) AS first_seen, max(started_at) AS last_seen
  FROM (SELECT *, row_number() OVER (PARTITION BY trace_id, system_prompt_sha256) AS of_trace FROM calls
    WHERE system_prompt_sha256 IS NOT NULL AND started_at >= $since AND started_at < $until)
  GROUP BY ALL
)
SELECT u.prompt AS system_prompt_sha256, u.calls, u.traces, u.errors, u.first_seen, u.last_seen, list_sort(u.models) AS models, b.content AS system_prompt
FROM used u LEFT JOIN blobs b ON b.blob_id = u.blob
ORDER BY u.last_seen DESC, u.calls DESC
LIMIT $limit
