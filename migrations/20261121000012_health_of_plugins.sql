-- migrate:up

-- How plugins do in each process that calls them, so that `cdp plugins` can tell of servers and workers elsewhere. It is
-- about processes and belongs to no workspace; an error may quote a person's data, so no workspace is shown it.
CREATE TABLE cdp.plugin_health (
    process uuid NOT NULL,
    plugin text NOT NULL,
    hook text NOT NULL,
    calls bigint NOT NULL,
    failures bigint NOT NULL,
    timeouts bigint NOT NULL,
    refused bigint NOT NULL,
    skipped bigint NOT NULL,
    last_error text,
    last_error_at timestamptz,
    circuit text NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (process, plugin, hook)
);

-- A process's figures replace those that it noted before; what nobody has noted for a day goes.
CREATE FUNCTION cdp.note_plugin_health(in_process uuid, in_figures jsonb, in_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM cdp.plugin_health WHERE noted_at < in_now - interval '1 day' AND process <> in_process;
    INSERT INTO cdp.plugin_health AS h (process, plugin, hook, calls, failures, timeouts, refused, skipped,
                                        last_error, last_error_at, circuit, noted_at)
    SELECT in_process, f.plugin, f.hook, f.calls, f.failures, f.timeouts, f.refused, f.skipped,
           f.last_error, f.last_error_at, f.circuit, in_now
    FROM jsonb_to_recordset(in_figures) AS f (plugin text, hook text, calls bigint, failures bigint, timeouts bigint,
         refused bigint, skipped bigint, last_error text, last_error_at timestamptz, circuit text)
    ORDER BY f.plugin, f.hook
    ON CONFLICT (process, plugin, hook) DO UPDATE
    SET calls = excluded.calls, failures = excluded.failures, timeouts = excluded.timeouts,
        refused = excluded.refused, skipped = excluded.skipped, last_error = excluded.last_error,
        last_error_at = excluded.last_error_at, circuit = excluded.circuit, noted_at = excluded.noted_at;
$$;

-- Over all processes that noted something within the last day; left_alone: how many of them do not call it at present.
-- A circuit is open for less than a minute, and its process notes when it closes: an older note is of one that is gone.
CREATE FUNCTION cdp.plugins_health(in_now timestamptz)
RETURNS TABLE (plugin text, hook text, calls bigint, failures bigint, timeouts bigint, refused bigint, skipped bigint,
               last_error text, last_error_at timestamptz, left_alone bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.plugin, h.hook, sum(h.calls)::bigint, sum(h.failures)::bigint, sum(h.timeouts)::bigint,
           sum(h.refused)::bigint, sum(h.skipped)::bigint,
           (array_agg(h.last_error ORDER BY h.last_error_at DESC) FILTER (WHERE h.last_error IS NOT NULL))[1],
           max(h.last_error_at), count(*) FILTER (WHERE h.circuit = 'OPEN' AND h.noted_at >= in_now - interval '1 minute')
    FROM cdp.plugin_health h
    WHERE h.noted_at >= in_now - interval '1 day'
    GROUP BY h.plugin, h.hook
    ORDER BY h.plugin, h.hook
$$;

REVOKE ALL ON FUNCTION cdp.note_plugin_health(uuid, jsonb, timestamptz), cdp.plugins_health(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.note_plugin_health(uuid, jsonb, timestamptz), cdp.plugins_health(timestamptz)
TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.plugins_health(timestamptz), cdp.note_plugin_health(uuid, jsonb, timestamptz);
DROP TABLE cdp.plugin_health;
