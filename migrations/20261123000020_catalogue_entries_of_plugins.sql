-- migrate:up

-- What plugins add to the catalogue, written down for each workspace in which they are turned on: every process
-- classifies by this, whichever plugins it has loaded itself.
CREATE TABLE plugin_catalogue_entry (
    workspace_id bigint NOT NULL REFERENCES workspace,
    plugin text NOT NULL,
    position integer NOT NULL,
    event text NOT NULL,
    conditions jsonb NOT NULL DEFAULT '[]',
    contributions jsonb NOT NULL DEFAULT '[]',
    description text,
    PRIMARY KEY (workspace_id, plugin, position)
);
ALTER TABLE plugin_catalogue_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE plugin_catalogue_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON plugin_catalogue_entry USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_catalogue_entry TO diptych_app;

-- migrate:down
DROP TABLE plugin_catalogue_entry;
