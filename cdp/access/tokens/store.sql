-- name: find
-- The entries for an issuer, of whatever workspace: a token arrives before its workspace is known: ($1 url).
SELECT i.workspace_id, i.issuer_id, i.name, i.url, i.audience, i.jwks_url, i.algorithms, i.scopes, i.scope_claim,
       i.purpose_claim, i.required, i.rules, i.default_role, i.longest_seconds, i.issued_since, i.enabled, i.changed_at
FROM cdp.find_token_issuers($1) AS i;

-- name: list
-- All issuers of a workspace, oldest first: ($1 workspace).
SELECT i.workspace_id, i.issuer_id, i.name, i.url, i.audience, i.jwks_url, i.algorithms, i.scopes, i.scope_claim,
       i.purpose_claim, i.required, i.rules, i.default_role, i.longest_seconds, i.issued_since, i.enabled, i.changed_at
FROM token_issuer i
WHERE i.workspace_id = $1
ORDER BY i.issuer_id;

-- name: lock
-- Has those who change a workspace's issuers wait for each other: ($1 workspace).
SELECT pg_advisory_xact_lock(7020, $1::bigint::integer);

-- name: define
-- Makes an issuer, or replaces what is said of the one of this URL and audience: ($1 workspace, $2 name, $3 url, $4 audience,
-- $5 jwks url, $6 algorithms, $7 scopes, $8 scope claim, $9 purpose claim, $10 required, $11 rules, $12 default role,
-- $13 longest seconds, $14 issued since, $15 enabled, $16 when).
INSERT INTO token_issuer (workspace_id, name, url, audience, jwks_url, algorithms, scopes, scope_claim, purpose_claim,
                          required, rules, default_role, longest_seconds, issued_since, enabled, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb, $12, $13, $14, $15, $16)
ON CONFLICT (workspace_id, url, audience) DO UPDATE
SET name = excluded.name, jwks_url = excluded.jwks_url, algorithms = excluded.algorithms, scopes = excluded.scopes,
    scope_claim = excluded.scope_claim, purpose_claim = excluded.purpose_claim, required = excluded.required,
    rules = excluded.rules, default_role = excluded.default_role, longest_seconds = excluded.longest_seconds,
    issued_since = excluded.issued_since, enabled = excluded.enabled, changed_at = excluded.changed_at
RETURNING issuer_id;

-- name: remove
-- Takes an issuer away: ($1 workspace, $2 issuer).
DELETE FROM token_issuer WHERE workspace_id = $1 AND issuer_id = $2
RETURNING issuer_id;

-- name: set_state
-- Switches an issuer on or off, and says from when on its tokens count: ($1 workspace, $2 issuer, $3 enabled, $4 issued since,
-- $5 when).
UPDATE token_issuer SET enabled = $3, issued_since = $4, changed_at = $5
WHERE workspace_id = $1 AND issuer_id = $2;

-- name: roles
-- The scopes of those roles that the workspace has defined itself: ($1 workspace, $2 names).
SELECT r.name, r.scopes FROM access_role r WHERE r.workspace_id = $1 AND r.name = ANY ($2::text[]);
