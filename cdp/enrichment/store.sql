-- name: load_nodes
-- The identifiers of these profiles, and which providers have a fresh answer about each.
SELECT n.profile_id, n.node_id, n.kind, n.value,
       coalesce((SELECT array_agg(a.provider ORDER BY a.provider) FROM enrichment_asked a
                 WHERE a.workspace_id = $1 AND a.node_id = n.node_id AND a.due_at > $3), '{}') AS fresh
FROM node n
WHERE n.workspace_id = $1 AND n.profile_id = ANY ($2::bigint[])
ORDER BY n.profile_id, n.node_id

-- name: remove_traits
-- Traits that their provider no longer gives; $2 and $3 are who was asked about what, $4 to $6 what was answered.
DELETE FROM enrichment e
USING unnest($2::bigint[], $3::text[]) AS asked (node_id, provider)
WHERE e.workspace_id = $1 AND e.node_id = asked.node_id AND e.provider = asked.provider
  AND (e.node_id, e.provider, e.key) NOT IN (SELECT * FROM unnest($4::bigint[], $5::text[], $6::text[]))

-- name: keep_traits
-- Traits that providers gave, in the place of what they gave before.
INSERT INTO enrichment AS e
    (workspace_id, node_id, provider, key, value, confidence, cost, fetched_at, expires_at)
SELECT $1, n.node_id, n.provider, n.key, n.value::jsonb, n.confidence, n.cost, $2, n.expires_at
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::numeric[], $9::timestamptz[])
     AS n (node_id, provider, key, value, confidence, cost, expires_at)
ORDER BY n.node_id, n.provider, n.key
ON CONFLICT (workspace_id, node_id, provider, key) DO UPDATE
SET value = excluded.value, confidence = excluded.confidence, cost = e.cost + excluded.cost,
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at

-- name: note_asked
-- Providers that have been asked, and when to ask them again.
INSERT INTO enrichment_asked (workspace_id, node_id, provider, asked_at, due_at)
SELECT $1, n.node_id, n.provider, $2, n.due_at
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[]) AS n (node_id, provider, due_at)
ORDER BY n.node_id, n.provider
ON CONFLICT (workspace_id, node_id, provider) DO UPDATE
SET asked_at = excluded.asked_at, due_at = excluded.due_at

-- name: expire_traits
-- Traits whose time is over, the longest over first; readers have not been shown them since.
DELETE FROM enrichment e
WHERE e.workspace_id = $1
  AND (e.node_id, e.provider, e.key) IN (
      SELECT o.node_id, o.provider, o.key FROM enrichment o
      WHERE o.workspace_id = $1 AND o.expires_at <= $2
      ORDER BY o.expires_at LIMIT $3)
