-- migrate:up

-- What a workspace has decided about a plugin; where there is no row, it runs with its defaults. Secrets have a column
-- of their own, so that whoever shows settings cannot show them by mistake.
CREATE TABLE plugin_state (
    workspace_id bigint NOT NULL REFERENCES workspace,
    plugin text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    settings jsonb NOT NULL DEFAULT '{}',
    secrets jsonb NOT NULL DEFAULT '{}',
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, plugin)
);
ALTER TABLE plugin_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE plugin_state FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON plugin_state USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_state TO diptych_app;

-- migrate:down
DROP TABLE plugin_state;
