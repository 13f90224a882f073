-- name: insert_secret
-- A new secret, unless the workspace has $5 good ones already.
INSERT INTO visitor_secret (workspace_id, name, kid, secret, created_at)
SELECT $1, $2, $3, $4, $6
WHERE (
    SELECT count(*) FROM visitor_secret s
    WHERE s.workspace_id = $1 AND s.revoked_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > $6)
) < $5::int
RETURNING secret_id;

-- name: list_secrets
-- All secrets of the workspace, ended ones too, oldest first, without what signs.
SELECT secret_id, name, kid, created_at, ends_at, revoked_at
FROM visitor_secret WHERE workspace_id = $1
ORDER BY secret_id;

-- name: find_secret
-- One secret, locked, without what signs.
SELECT secret_id, name, kid, created_at, ends_at, revoked_at
FROM visitor_secret WHERE workspace_id = $1 AND secret_id = $2
FOR UPDATE;

-- name: end_secret
-- Lets a secret end at $3, unless it ends sooner.
UPDATE visitor_secret SET ends_at = least(ends_at, $3)
WHERE workspace_id = $1 AND secret_id = $2;

-- name: revoke_secret
-- Ends a secret at once; one that is revoked already keeps its first time.
UPDATE visitor_secret SET revoked_at = coalesce(revoked_at, $3)
WHERE workspace_id = $1 AND secret_id = $2
RETURNING secret_id;

-- name: secret_of_kid
-- The secret of a token, of whatever workspace: a token arrives before its workspace is known.
SELECT workspace_id, secret, ends_at, revoked_at FROM cdp.find_visitor_secret($1);

-- name: use_token
-- What a token that may be used once is used for: $3 (`fresh`), or what it was used for before; nothing while another
-- is just using it. Forgets those that have expired.
WITH expired AS (
    DELETE FROM visitor_token_use WHERE workspace_id = $1 AND expires_at < $5
), used AS (
    INSERT INTO visitor_token_use (workspace_id, token_hash, used_for, expires_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (workspace_id, token_hash) DO NOTHING
    RETURNING used_for
)
SELECT true AS fresh, u.used_for FROM used u
UNION ALL
SELECT false, u.used_for FROM visitor_token_use u WHERE u.workspace_id = $1 AND u.token_hash = $2;
