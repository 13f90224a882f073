-- migrate:up

-- Two versions of the server run during an upgrade: first the schema grows, then the servers are replaced, and only then
-- may what the old ones used go. A migration that takes something away notes here which migration a server has to know
-- of, to do without it; a server that does not know it says so instead of failing in the middle of its work.
CREATE TABLE cdp.schema_contract (
    needs text PRIMARY KEY,
    because text NOT NULL
);
CREATE FUNCTION cdp.schema_contracts() RETURNS TABLE (needs text, because text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT c.needs, c.because FROM cdp.schema_contract c ORDER BY c.needs $$;
REVOKE ALL ON FUNCTION cdp.schema_contracts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.schema_contracts() TO diptych_app;

-- Refused events that nobody has replayed, by reason, over all workspaces; it counts no further than in_most, because
-- it is asked for by people who are in trouble already.
CREATE POLICY owner_reads ON refused_event FOR SELECT TO CURRENT_USER USING (true);
CREATE FUNCTION cdp.refused_backlog(in_most bigint)
RETURNS TABLE (code text, items bigint, oldest timestamptz, newest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT kept.code, count(*), min(kept.received_at), max(kept.received_at)
    FROM (SELECT r.code, r.received_at FROM public.refused_event r WHERE r.replayed_at IS NULL LIMIT in_most) AS kept
    GROUP BY kept.code
    ORDER BY count(*) DESC, kept.code
$$;
REVOKE ALL ON FUNCTION cdp.refused_backlog(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.refused_backlog(bigint) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.refused_backlog(bigint);
DROP POLICY owner_reads ON refused_event;
DROP FUNCTION cdp.schema_contracts();
DROP TABLE cdp.schema_contract;
