-- migrate:up

-- Who has a trait of this value? Row-level security keeps operators on JSON from indexes, and an index on profile would be
-- written with every event; registers change when a trait does. A register is of a node, may be overridden by another
-- node's, and hashes may collide: what is found is looked at again (cdp.plan.pages).
CREATE INDEX summary_register_by_trait ON summary_register (workspace_id, key, jsonb_hash_extended(value, 0))
WHERE kind = 'trait';
CREATE POLICY owner_reads ON summary_register FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_reads ON node FOR SELECT TO CURRENT_USER USING (true);

-- The people of the connection's workspace one of whose identifiers came with the trait in one of these values; null where
-- they are more than `most`, and where no trait is named: then it is quicker to read people in the order of the list.
CREATE FUNCTION cdp.find_people_by_trait(trait text, wanted jsonb[], most integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    nodes bigint[];
BEGIN
    IF trait IS NULL OR cardinality(wanted) > 100 THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(r.node_id) INTO nodes
    FROM (
        SELECT r.node_id
        FROM unnest(wanted) AS w (value)
        CROSS JOIN LATERAL (
            SELECT r.node_id FROM summary_register r
            WHERE r.workspace_id = (SELECT cdp.bound_workspace()) AND r.kind = 'trait' AND r.key = trait
              AND jsonb_hash_extended(r.value, 0) = jsonb_hash_extended(w.value, 0)
            LIMIT most + 1
        ) r
        LIMIT most + 1
    ) r;
    IF cardinality(nodes) > most THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT DISTINCT n.profile_id FROM node n
        WHERE n.workspace_id = (SELECT cdp.bound_workspace()) AND n.node_id = ANY(nodes)
    );
END
$$;
REVOKE ALL ON FUNCTION cdp.find_people_by_trait(text, jsonb[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_people_by_trait(text, jsonb[], integer) TO diptych_app;

-- The newest people first is the order of whoever copies them elsewhere; it costs 5 µs for each person that a flush
-- changes, so that the other orders of people are left to sorting. Accounts change seldom, and their indexes cost little.
CREATE INDEX profile_by_creation ON profile (workspace_id, created_at, profile_id) WHERE merged_into IS NULL;
CREATE INDEX account_by_creation ON account (workspace_id, created_at, account_id) WHERE merged_into IS NULL;
CREATE INDEX account_by_name ON account (workspace_id, (CASE WHEN name IS NULL THEN '' ELSE name END), account_id)
WHERE merged_into IS NULL;
CREATE INDEX account_in_order_of_domains ON account
    (workspace_id, (CASE WHEN domain IS NULL THEN '' ELSE domain END), account_id)
WHERE merged_into IS NULL;

-- migrate:down
DROP INDEX account_in_order_of_domains, account_by_name, account_by_creation, profile_by_creation;
DROP FUNCTION cdp.find_people_by_trait(text, jsonb[], integer);
DROP POLICY owner_reads ON node;
DROP POLICY owner_reads ON summary_register;
DROP INDEX summary_register_by_trait;
