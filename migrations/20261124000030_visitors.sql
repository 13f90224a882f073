-- migrate:up

-- What the customer's servers sign visitors' tokens with. Both ends hold it: it cannot be a hash. Processes that have
-- CDP_SEAL_KEYS seal it, so that tables and backups do not tell it.
CREATE TABLE visitor_secret (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    secret_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    -- Stands in the head of every token, and says whose it is.
    kid text NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- After a rotation: until when tokens signed with it are taken.
    ends_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, secret_id),
    UNIQUE (workspace_id, kid)
);
CREATE INDEX visitor_secret_kid ON visitor_secret (kid);
ALTER TABLE visitor_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON visitor_secret USING (workspace_id = (SELECT cdp.bound_workspace()));
CREATE POLICY owner_reads ON visitor_secret FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE ON visitor_secret TO diptych_app;

-- A token arrives before its workspace is known, as a key does.
CREATE FUNCTION cdp.find_visitor_secret(wanted text)
RETURNS TABLE (workspace_id bigint, secret bytea, ends_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT s.workspace_id, s.secret, s.ends_at, s.revoked_at FROM visitor_secret s WHERE s.kid = wanted $$;
REVOKE ALL ON FUNCTION cdp.find_visitor_secret(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_visitor_secret(text) TO diptych_app;

-- Tokens that may be used once, and were. Kept until they would have expired.
CREATE TABLE visitor_token_use (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    token_hash bytea NOT NULL,
    -- What it was used for: the same thing again is no second use.
    used_for bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, token_hash)
);
CREATE INDEX visitor_token_use_by_end ON visitor_token_use (workspace_id, expires_at);
ALTER TABLE visitor_token_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_token_use FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON visitor_token_use USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, DELETE ON visitor_token_use TO diptych_app;

-- The profile that a visitor with this identifier may read; null: there is none, or not all of it is proven to be
-- the visitor's. Of devices and browsers, only what nothing names; of a person, only where whatever else names them is
-- tied to the identifier by more than the word of web pages, which anybody can send in their place. What a split holds
-- together because what led through the other side is gone may have been such a word: it proves nothing either.
CREATE FUNCTION cdp.visitor_profile(workspace bigint, wanted_kind text, wanted_value text, weak text[]) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
DECLARE
    visitor bigint;
    found bigint;
    others bigint[];
BEGIN
    SELECT n.node_id, n.profile_id INTO visitor, found
    FROM node n WHERE n.workspace_id = workspace AND n.kind = wanted_kind AND n.value = wanted_value;
    IF visitor IS NULL THEN
        RETURN NULL;
    END IF;
    others := ARRAY(
        SELECT n.node_id FROM node n
        WHERE n.workspace_id = workspace AND n.profile_id = found AND n.kind <> ALL (weak) AND n.node_id <> visitor
    );
    IF cardinality(others) = 0 THEN
        RETURN found;
    ELSIF wanted_kind = ANY (weak) THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH RECURSIVE reached AS (
            SELECT visitor AS node_id
            UNION
            SELECT neighbour.node_id
            FROM reached r
            CROSS JOIN LATERAL (
                SELECT l.node_b AS node_id FROM link l
                WHERE l.workspace_id = workspace AND l.node_a = r.node_id AND l.state = 'ACCEPTED'
                    AND l.rule NOT IN ('page', 'split_kept')
                UNION ALL
                SELECT l.node_a FROM link l
                WHERE l.workspace_id = workspace AND l.node_b = r.node_id AND l.state = 'ACCEPTED'
                    AND l.rule NOT IN ('page', 'split_kept')
            ) neighbour
        )
        SELECT CASE WHEN others <@ array_agg(r.node_id) THEN found END FROM reached r
    );
END
$$;
REVOKE ALL ON FUNCTION cdp.visitor_profile(bigint, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.visitor_profile(bigint, text, text, text[]) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.visitor_profile(bigint, text, text, text[]);
DROP FUNCTION cdp.find_visitor_secret(text);
DROP TABLE visitor_token_use, visitor_secret;
