-- migrate:up

-- Until when a claim holds by its own word; whoever made it is asked anew then. Not `until`, which says that it ended.
ALTER TABLE role_claim ADD COLUMN valid_until timestamptz;

-- How a claim read before it was revised; the latest few of each.
CREATE TABLE role_revision (
    workspace_id bigint NOT NULL,
    claim_id bigint NOT NULL,
    revision_id bigint GENERATED ALWAYS AS IDENTITY,
    confidence double precision NOT NULL,
    evidence jsonb NOT NULL,
    replaced_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, claim_id, revision_id),
    FOREIGN KEY (workspace_id, claim_id) REFERENCES role_claim ON DELETE CASCADE
);

-- What a person said against a role; hangs on a node, as what is said for one.
CREATE TABLE role_denial (
    workspace_id bigint NOT NULL,
    denial_id bigint GENERATED ALWAYS AS IDENTITY,
    node_id bigint NOT NULL,
    account_id bigint NOT NULL,
    role text NOT NULL,
    note text,
    denied_by text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (workspace_id, denial_id),
    FOREIGN KEY (workspace_id, node_id) REFERENCES node
);
CREATE INDEX role_denial_by_node ON role_denial (workspace_id, node_id);

-- When time alone may change a person's roles next: a claim's validity, an assertion or a membership ends.
CREATE TABLE role_due (
    workspace_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, profile_id),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile ON DELETE CASCADE
);
CREATE INDEX role_due_by_time ON role_due (workspace_id, due_at);

-- What resolvers were told of an account when its people were resolved last: where it differs, all of them are due.
CREATE TABLE role_account_seen (
    workspace_id bigint NOT NULL,
    account_id bigint NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (workspace_id, account_id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES account ON DELETE CASCADE
);

-- With which resolvers, and which settings of theirs, the roles of a workspace are being resolved.
CREATE TABLE role_resolution (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    fingerprint text NOT NULL,
    resolvers jsonb NOT NULL,
    workspace_version bigint NOT NULL,
    -- Start of the process that noted it: of two versions that run side by side the later one decides.
    process_started_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id)
);

-- Everybody, or everybody of one account, is resolved anew, a chunk at a time.
CREATE TABLE role_backfill (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    backfill_id bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint,
    reason text NOT NULL,
    total bigint NOT NULL,
    handed_over bigint NOT NULL DEFAULT 0,
    -- profiles up to here were handed over
    profile_cursor bigint NOT NULL DEFAULT 0,
    read_through boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL,
    handed_over_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, backfill_id)
);
CREATE UNIQUE INDEX role_backfill_of_account ON role_backfill (workspace_id, account_id) WHERE finished_at IS NULL;

-- What plugins add to what the views tell; of the panel `panel`, beside its exact figures.
CREATE TABLE score_contribution (
    workspace_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    account_id bigint NOT NULL,
    panel text NOT NULL CHECK (panel IN ('INTENT', 'USAGE', 'INFLUENCE')),
    -- plugin that contributes it
    source text NOT NULL,
    name text NOT NULL,
    points double precision NOT NULL,
    reason text NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    since timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (workspace_id, profile_id, account_id, panel, source, name),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile ON DELETE CASCADE
);
CREATE INDEX score_contribution_by_account ON score_contribution (workspace_id, account_id, panel);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['role_revision', 'role_denial', 'role_due', 'role_account_seen', 'role_resolution',
        'role_backfill', 'score_contribution']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY bound ON %I USING (workspace_id = (SELECT cdp.bound_workspace()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO diptych_app', name);
    END LOOP;
END
$$;

CREATE POLICY owner_reads ON role_due FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_reads ON role_resolution FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_reads ON role_backfill FOR SELECT TO CURRENT_USER USING (true);

-- The worker's question across workspaces: with what were roles resolved, who is due by time alone, what is under way?
CREATE FUNCTION cdp.workspaces_to_resolve(in_now timestamptz)
RETURNS TABLE (workspace_id bigint, version bigint, fingerprint text, noted_version bigint,
               process_started_at timestamptz, due boolean, backfills boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT w.workspace_id, w.version, r.fingerprint, r.workspace_version, r.process_started_at,
           EXISTS (SELECT FROM role_due d WHERE d.workspace_id = w.workspace_id AND d.due_at <= in_now),
           EXISTS (SELECT FROM role_backfill b WHERE b.workspace_id = w.workspace_id AND b.finished_at IS NULL)
    FROM workspace w
    LEFT JOIN role_resolution r ON r.workspace_id = w.workspace_id
    ORDER BY w.workspace_id
$$;
REVOKE ALL ON FUNCTION cdp.workspaces_to_resolve(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.workspaces_to_resolve(timestamptz) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.workspaces_to_resolve(timestamptz);
DROP TABLE score_contribution, role_backfill, role_resolution, role_account_seen, role_due, role_denial, role_revision;
ALTER TABLE role_claim DROP COLUMN valid_until;
