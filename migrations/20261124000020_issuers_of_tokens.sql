-- migrate:up

-- Whose tokens (JWT) a workspace accepts, made for whom, and what they may be granted.
CREATE TABLE token_issuer (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    issuer_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    -- what the claim iss must be, to the letter
    url text NOT NULL,
    -- what the claim aud must be, or hold
    audience text NOT NULL,
    -- null: the issuer's discovery document says where its keys are
    jwks_url text,
    algorithms text[] NOT NULL,
    -- what its tokens may be granted at most, whatever they claim
    scopes text[] NOT NULL,
    scope_claim text,
    purpose_claim text,
    -- [{claim, value}]: what must hold of every token
    required jsonb NOT NULL DEFAULT '[]',
    -- [{claim, value, role}]: whose claim is that value has that role
    rules jsonb NOT NULL DEFAULT '[]',
    default_role text,
    longest_seconds integer NOT NULL CHECK (longest_seconds > 0),
    issued_since timestamptz,
    enabled boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, issuer_id),
    UNIQUE (workspace_id, url, audience)
);
CREATE INDEX token_issuer_url ON token_issuer (url);
ALTER TABLE token_issuer ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_issuer FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON token_issuer USING (workspace_id = (SELECT cdp.bound_workspace()));
CREATE POLICY owner_reads ON token_issuer FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_issuer TO diptych_app;

-- A token arrives before its workspace is known: whose entries for its issuer there are. Who does not know the issuer's
-- URL finds nothing.
CREATE FUNCTION cdp.find_token_issuers(wanted text) RETURNS SETOF token_issuer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT i.* FROM token_issuer i WHERE i.url = wanted ORDER BY i.workspace_id, i.issuer_id $$;
REVOKE ALL ON FUNCTION cdp.find_token_issuers(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_token_issuers(text) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.find_token_issuers(text);
DROP TABLE token_issuer;
