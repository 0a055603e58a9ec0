-- name: side-effects
-- question: What did agents change in the world: which tool calls write, or cannot be taken back?
-- args: since=24h until=now limit=50
-- reads: since..until parts
SELECT t.trace_id, t.started_at, t.side_effect, t.tool_name, t.status, b.content AS arguments, t.error_type, t.user_ref, t.code_location
FROM tools t LEFT JOIN blobs b ON b.blob_id = t.tool_args_blob
WHERE t.side_effect IN ('write', 'irreversible') AND t.started_at >= $since AND t.started_at < $until
ORDER BY t.side_effect = 'irreversible' DESC, t.started_at DESC
LIMIT $limit
