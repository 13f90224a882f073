-- migrate:up

-- What all processes together have let pass of a workspace's limits. Nothing is lost with it but a burst: it needs no log.
CREATE UNLOGGED TABLE rate_use (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    -- What is counted, and whose it is: 'events ' of the workspace itself, 'events key:12' of one key.
    bucket text NOT NULL,
    -- When it is full again if nothing more is taken: seconds since 1970 by the database's clock.
    full_at double precision NOT NULL,
    PRIMARY KEY (workspace_id, bucket)
) WITH (fillfactor = 50);

ALTER TABLE rate_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_use FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON rate_use USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_use TO diptych_app;
CREATE POLICY owner_reads ON rate_use FOR SELECT TO CURRENT_USER USING (true);

-- migrate:down

DROP TABLE rate_use;
