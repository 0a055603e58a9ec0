-- name: prompt-text
-- question: What is the text of the system prompt whose hash begins so?
-- args: since= until= prompt= limit=5
WITH used AS (
  SELECT system_prompt_sha256, any_value(system_prompt_blob) AS blob, round(sum(sample_weight))::BIGINT AS calls, min(started_at) AS first_seen, max(started_at) AS last_seen
  FROM calls WHERE $prompt::VARCHAR IS NOT NULL AND starts_with(system_prompt_sha256, lower($prompt::VARCHAR))
    AND ($since::TIMESTAMPTZ IS NULL OR started_at >= $since::TIMESTAMPTZ) AND ($until::TIMESTAMPTZ IS NULL OR started_at < $until::TIMESTAMPTZ) GROUP BY ALL
)
SELECT u.system_prompt_sha256, u.calls, u.first_seen, u.last_seen, b.content AS system_prompt
FROM used u LEFT JOIN blobs b ON b.blob_id = u.blob
ORDER BY u.last_seen DESC NULLS LAST, u.system_prompt_sha256
LIMIT $limit
