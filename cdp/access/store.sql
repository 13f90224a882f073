-- name: insert_key
-- Stores a new key's hash; the key itself is never stored.
INSERT INTO api_key (workspace_id, name, role, publishable, prefix, hash, expires_at, networks, origins, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::cidr[], $9::text[], $10)
RETURNING key_id

-- name: list_keys
-- All keys of the workspace with the scopes of roles of its own, oldest first.
SELECT k.key_id, k.name, k.role, k.publishable, k.prefix, k.created_at, k.expires_at, k.revoked_at, k.rotated_at,
       k.previous_prefix, k.previous_until, k.last_used_at, k.networks, k.origins, r.scopes
FROM api_key k
LEFT JOIN access_role r ON r.workspace_id = $1 AND r.name = k.role
WHERE k.workspace_id = $1
ORDER BY k.key_id

-- name: key
-- One key with the scopes of its role, if that is the workspace's own.
SELECT k.key_id, k.name, k.role, k.publishable, k.prefix, k.created_at, k.expires_at, k.revoked_at, k.rotated_at,
       k.previous_prefix, k.previous_until, k.last_used_at, k.networks, k.origins, r.scopes
FROM api_key k
LEFT JOIN access_role r ON r.workspace_id = $1 AND r.name = k.role
WHERE k.workspace_id = $1 AND k.key_id = $2

-- name: key_for_update
-- The same, held until the transaction ends.
SELECT k.key_id, k.name, k.role, k.publishable, k.prefix, k.created_at, k.expires_at, k.revoked_at, k.rotated_at,
       k.previous_prefix, k.previous_until, k.last_used_at, k.networks, k.origins, r.scopes
FROM api_key k
LEFT JOIN access_role r ON r.workspace_id = $1 AND r.name = k.role
WHERE k.workspace_id = $1 AND k.key_id = $2
FOR NO KEY UPDATE OF k

-- name: rotate_key
-- Gives a key another hash; the one before stays good for a while, and the one before that ends.
UPDATE api_key
SET previous_hash = hash, previous_prefix = prefix, previous_until = $5, hash = $3, prefix = $4, rotated_at = $6
WHERE workspace_id = $1 AND key_id = $2

-- name: update_key
-- Changes what a key is called, what it may do, and when and where it may be used.
UPDATE api_key
SET name = $3, role = $4, expires_at = $5, networks = $6::cidr[], origins = $7::text[]
WHERE workspace_id = $1 AND key_id = $2

-- name: revoke_key
-- Ends a key for good; one that is revoked already keeps its first time.
UPDATE api_key
SET revoked_at = coalesce(revoked_at, $3)
WHERE workspace_id = $1 AND key_id = $2
RETURNING key_id

-- name: find_key
-- The key with this hash, of whatever workspace: a key arrives before its workspace is known.
SELECT workspace_id, key_id, name, role, publishable, expires_at, revoked_at, networks, origins, scopes
FROM cdp.find_key($1)

-- name: note_used
-- When keys were used last, by this process or another.
UPDATE api_key k
SET last_used_at = used.at
FROM unnest($2::bigint[], $3::timestamptz[]) AS used (key_id, at)
WHERE k.workspace_id = $1 AND k.key_id = used.key_id AND (k.last_used_at IS NULL OR k.last_used_at < used.at)

-- name: list_roles
-- The roles of the workspace's own and how many keys have each, by name.
SELECT r.name, r.description, r.scopes, r.created_at, r.changed_at,
       (SELECT count(*) FROM api_key k
        WHERE k.workspace_id = $1 AND k.role = r.name AND k.revoked_at IS NULL) AS keys
FROM access_role r
WHERE r.workspace_id = $1
ORDER BY r.name

-- name: role
-- The scopes of one of the workspace's roles, which stays there until the transaction ends.
SELECT scopes
FROM access_role
WHERE workspace_id = $1 AND name = $2
FOR KEY SHARE

-- name: role_for_update
-- The scopes of one of the workspace's roles, which nobody else changes or hands out until the transaction ends.
SELECT scopes
FROM access_role
WHERE workspace_id = $1 AND name = $2
FOR UPDATE

-- name: count_roles
-- How many roles of its own the workspace has.
SELECT count(*)
FROM access_role
WHERE workspace_id = $1

-- name: put_role
-- Makes or changes a role.
INSERT INTO access_role (workspace_id, name, description, scopes, created_at, changed_at)
VALUES ($1, $2, $3, $4::text[], $5, $5)
ON CONFLICT (workspace_id, name)
DO UPDATE SET description = EXCLUDED.description, scopes = EXCLUDED.scopes, changed_at = EXCLUDED.changed_at

-- name: keys_of_role
-- Numbers of the keys that have a role and are not revoked.
SELECT key_id
FROM api_key
WHERE workspace_id = $1 AND role = $2 AND revoked_at IS NULL
ORDER BY key_id

-- name: remove_role
-- Takes a role away.
DELETE FROM access_role
WHERE workspace_id = $1 AND name = $2
