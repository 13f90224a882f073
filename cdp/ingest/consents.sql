-- name: known_consents
-- The trait `consent` of the profiles that identifiers point at, by the position of the identifier: ($1 workspace, $2 kinds, $3 values).
-- The ranges and their order have PostgreSQL take the index that begins with the node: that of traits holds everybody's consent.
SELECT wanted.position, r.value::text
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (kind, value, position)
CROSS JOIN LATERAL (
    SELECT n.profile_id FROM node n
    WHERE n.workspace_id = $1 AND n.kind = wanted.kind AND n.value = wanted.value LIMIT 1
) n
CROSS JOIN LATERAL (
    SELECT m.node_id FROM node m WHERE m.workspace_id = $1 AND m.profile_id = n.profile_id OFFSET 0
) m
CROSS JOIN LATERAL (
    SELECT r.value FROM summary_register r
    WHERE r.workspace_id = $1 AND r.node_id BETWEEN m.node_id AND m.node_id
      AND r.kind BETWEEN 'trait' AND 'trait' AND r.key = 'consent'
    ORDER BY r.node_id
) r
ORDER BY wanted.position, m.node_id;

-- name: any_consent
-- Whether anybody in the workspace has the trait `consent`: ($1 workspace).
SELECT EXISTS (
    SELECT FROM summary_register r WHERE r.workspace_id = $1 AND r.kind = 'trait' AND r.key = 'consent'
);
