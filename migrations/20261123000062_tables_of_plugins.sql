-- migrate:up

-- Which SQL files of a plugin have been applied, in its schema plugin_<name>; `cdp tables` is the one that writes here.
CREATE TABLE cdp.plugin_migration (
    plugin text NOT NULL,
    name text NOT NULL,
    -- SHA-256 of the text: a file that was applied is not edited.
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, name)
);
GRANT SELECT ON cdp.plugin_migration TO diptych_app;

-- migrate:down
DROP TABLE cdp.plugin_migration;
