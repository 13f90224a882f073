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
CREATE FUNCTION cdp.plugin_migrations() RETURNS TABLE (plugin text, name text, digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT m.plugin, m.name, m.digest FROM cdp.plugin_migration m ORDER BY m.plugin, m.name $$;
REVOKE ALL ON FUNCTION cdp.plugin_migrations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.plugin_migrations() TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.plugin_migrations();
DROP TABLE cdp.plugin_migration;
