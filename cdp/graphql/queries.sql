-- name: reclassification_progress
-- History that waits to be classified anew, oldest first, and how many nodes are left of how many.
SELECT r.reclassification_id, r.events, r.noted_at, r.node_cursor,
       (SELECT count(*) FROM node n WHERE n.workspace_id = $1 AND n.node_id > r.node_cursor) AS nodes_left,
       (SELECT count(*) FROM node n WHERE n.workspace_id = $1) AS nodes
FROM reclassification r
WHERE r.workspace_id = $1 AND r.finished_at IS NULL
ORDER BY r.reclassification_id;

-- name: refused_of_code
-- Refused events of one code that have not been replayed, oldest first.
SELECT r.refused_id FROM refused_event r
WHERE r.workspace_id = $1 AND r.code = $2 AND r.replayed_at IS NULL
ORDER BY r.refused_id;

-- name: refused_among
-- Which of these refused events there are.
SELECT r.refused_id FROM refused_event r WHERE r.workspace_id = $1 AND r.refused_id = ANY ($2::bigint[]);
