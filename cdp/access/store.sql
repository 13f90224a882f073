-- name: insert_key
-- Stores a new key's hash; the key itself is never stored.
INSERT INTO api_key (workspace_id, name, role, publishable, prefix, hash, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING key_id

-- name: list_keys
-- All keys of the workspace, oldest first.
SELECT key_id, name, role, publishable, prefix, created_at, expires_at, revoked_at
FROM api_key
WHERE workspace_id = $1
ORDER BY key_id

-- name: revoke_key
-- Ends a key for good; one that is revoked already keeps its first time.
UPDATE api_key
SET revoked_at = coalesce(revoked_at, $3)
WHERE workspace_id = $1 AND key_id = $2
RETURNING key_id

-- name: find_key
-- The key with this hash, of whatever workspace: a key arrives before its workspace is known.
SELECT workspace_id, key_id, name, role, publishable, expires_at, revoked_at
FROM cdp.find_api_key($1)
