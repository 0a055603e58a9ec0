-- name: gaps
-- question: Where is the record itself incomplete, by how many records, and why?
-- args: since=7d until=now limit=50
-- reads: since..until
SELECT g.started_at, g.lost, g.reason, g.trace_id, t.name, g.salvaged, g.writer_id
FROM gaps g LEFT JOIN traces t USING (trace_id)
WHERE g.started_at >= $since AND g.started_at < $until
ORDER BY g.started_at DESC
LIMIT $limit
