-- migrate:up

-- Roles that a workspace defines besides the presets; keys and tokens name them.
CREATE TABLE access_role (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    name text NOT NULL CHECK (name ~ '^[A-Z][A-Z0-9_]{1,39}$'),
    description text NOT NULL DEFAULT '',
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
ALTER TABLE access_role ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_role FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON access_role USING (workspace_id = (SELECT cdp.bound_workspace()));
-- For the look-up of a key, which is not bound.
CREATE POLICY owner_reads ON access_role FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON access_role TO diptych_app;

ALTER TABLE api_key
    -- What the key was before it was rotated, good until then.
    ADD COLUMN previous_hash bytea,
    ADD COLUMN previous_prefix text,
    ADD COLUMN previous_until timestamptz,
    ADD COLUMN rotated_at timestamptz,
    -- At most a minute behind.
    ADD COLUMN last_used_at timestamptz,
    -- Where it may be used from; empty: from anywhere.
    ADD COLUMN networks cidr[] NOT NULL DEFAULT '{}',
    -- Web pages that it may be used from; empty: from anywhere.
    ADD COLUMN origins text[] NOT NULL DEFAULT '{}';

-- A key arrives before its workspace is known: the one look-up that is not bound. `scopes` is null where the role is a
-- preset, or is no more.
CREATE FUNCTION cdp.find_key(wanted bytea)
RETURNS TABLE (workspace_id bigint, key_id bigint, name text, role text, publishable boolean,
               expires_at timestamptz, revoked_at timestamptz, networks cidr[], origins text[], scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT k.workspace_id, k.key_id, k.name, k.role, k.publishable,
           CASE WHEN k.hash = wanted THEN k.expires_at ELSE least(k.expires_at, k.previous_until) END,
           k.revoked_at, k.networks, k.origins, r.scopes
    FROM api_key k
    LEFT JOIN access_role r ON r.workspace_id = k.workspace_id AND r.name = k.role
    WHERE k.hash = wanted OR k.previous_hash = wanted
$$;
REVOKE ALL ON FUNCTION cdp.find_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_key(bytea) TO diptych_app;

-- Servers of the version before know neither roles of workspaces nor where a key may be used from: to them, keys that
-- have either do not exist.
CREATE OR REPLACE FUNCTION cdp.find_api_key(wanted bytea)
RETURNS TABLE (workspace_id bigint, key_id bigint, name text, role text, publishable boolean,
               expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT k.workspace_id, k.key_id, k.name, k.role, k.publishable, k.expires_at, k.revoked_at
    FROM cdp.find_key(wanted) k
    WHERE k.networks = '{}' AND k.origins = '{}'
      AND k.role IN ('ADMIN', 'SALES', 'SUPPORT', 'MARKETING', 'INGEST', 'PARTNER')
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION cdp.find_api_key(wanted bytea)
RETURNS TABLE (workspace_id bigint, key_id bigint, name text, role text, publishable boolean,
               expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT k.workspace_id, k.key_id, k.name, k.role, k.publishable, k.expires_at, k.revoked_at
      FROM api_key k WHERE k.hash = wanted $$;
DROP FUNCTION cdp.find_key(bytea);
-- What servers of the version before would use without its limits must not be used at all.
ALTER TABLE api_key NO FORCE ROW LEVEL SECURITY;
UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
WHERE networks <> '{}' OR origins <> '{}'
   OR role NOT IN ('ADMIN', 'SALES', 'SUPPORT', 'MARKETING', 'INGEST', 'PARTNER');
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key
    DROP COLUMN previous_hash, DROP COLUMN previous_prefix, DROP COLUMN previous_until, DROP COLUMN rotated_at,
    DROP COLUMN last_used_at, DROP COLUMN networks, DROP COLUMN origins;
DROP TABLE access_role;
