-- migrate:up

-- Whose lease it is: a worker writes only what it still holds, and two that claim in the same microsecond differ.
ALTER TABLE settlement ADD COLUMN claimed_by uuid;

-- When a provider was asked about an identifier, found or not, and when it is worth asking again.
CREATE TABLE enrichment_asked (
    workspace_id bigint NOT NULL,
    node_id bigint NOT NULL,
    provider text NOT NULL,
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, node_id, provider),
    FOREIGN KEY (workspace_id, node_id) REFERENCES node
);
CREATE INDEX enrichment_asked_by_due ON enrichment_asked (workspace_id, due_at);
ALTER TABLE enrichment_asked ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrichment_asked FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON enrichment_asked USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON enrichment_asked TO diptych_app;

-- migrate:down
DROP TABLE enrichment_asked;
ALTER TABLE settlement DROP COLUMN claimed_by;
