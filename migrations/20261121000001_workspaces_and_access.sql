-- migrate:up

-- Two database roles: the owner runs these migrations; the application role owns nothing and cannot bypass
-- row-level security. A deployment grants diptych_app to the login role that its servers use.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'diptych_app') THEN
        CREATE ROLE diptych_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
END
$$;

CREATE SCHEMA cdp;
GRANT USAGE ON SCHEMA cdp TO diptych_app;

-- The workspace that this connection is bound to; no binding, no rows.
CREATE FUNCTION cdp.bound_workspace() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('cdp.workspace_id', true), '')::bigint $$;

CREATE TABLE workspace (
    workspace_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- Only what differs from the defaults of cdp.model.workspace.WorkspaceSettings.
    settings jsonb NOT NULL DEFAULT '{}',
    -- Grows with every change of settings, catalogue or features; processes reload when it differs from what they hold.
    version bigint NOT NULL DEFAULT 1,
    -- Zero of the forward decay: weights are stored as if seen from here. Moved only by a rebuild.
    epoch timestamptz NOT NULL DEFAULT date_trunc('day', now()),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspace FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON workspace USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, UPDATE ON workspace TO diptych_app;

CREATE TABLE api_key (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    key_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    role text NOT NULL,
    publishable boolean NOT NULL,
    -- The first characters, so that a person can tell keys apart; never enough to guess the rest.
    prefix text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, key_id)
);
CREATE INDEX api_key_hash ON api_key (hash);
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON api_key USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE ON api_key TO diptych_app;

-- The owner's functions below must see every workspace although row-level security is forced on the owner too.
CREATE POLICY owner_reads ON workspace FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_writes ON workspace FOR INSERT TO CURRENT_USER WITH CHECK (true);
CREATE POLICY owner_reads ON api_key FOR SELECT TO CURRENT_USER USING (true);

-- A key arrives before its workspace is known: the one look-up that is not bound.
CREATE FUNCTION cdp.find_api_key(wanted bytea)
RETURNS TABLE (workspace_id bigint, key_id bigint, name text, role text, publishable boolean,
               expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT k.workspace_id, k.key_id, k.name, k.role, k.publishable, k.expires_at, k.revoked_at
      FROM api_key k WHERE k.hash = wanted $$;

CREATE FUNCTION cdp.create_workspace(wanted_name text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$ INSERT INTO workspace (name) VALUES (wanted_name) RETURNING workspace_id $$;

CREATE FUNCTION cdp.list_workspaces() RETURNS TABLE (workspace_id bigint, name text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT w.workspace_id, w.name, w.created_at FROM workspace w ORDER BY w.workspace_id $$;

REVOKE ALL ON FUNCTION cdp.find_api_key(bytea), cdp.create_workspace(text), cdp.list_workspaces() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_api_key(bytea), cdp.create_workspace(text), cdp.list_workspaces() TO diptych_app;

-- migrate:down
DROP TABLE api_key, workspace CASCADE;
DROP SCHEMA cdp CASCADE;
