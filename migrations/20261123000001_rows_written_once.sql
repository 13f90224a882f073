-- migrate:up

-- What a flush writes of a profile it writes in one go, the row of a new one too: the nodes come first, their profile
-- before the transaction ends.
ALTER TABLE node ALTER CONSTRAINT node_workspace_id_profile_id_fkey DEFERRABLE INITIALLY DEFERRED;

-- What a profile is called, by its identifiers and by the latest of each trait; identifiers are null where it has none.
CREATE FUNCTION cdp.names_of(of_workspace bigint, of_profile bigint)
RETURNS TABLE (identifiers text[], traits jsonb, display_name text, search_text text)
LANGUAGE sql STABLE
AS $$
    SELECT n.identifiers, coalesce(t.traits, '{}'),
           left(coalesce(t.name, t.full_name, t.email, n.email, n.identifiers[1]), 200),
           lower(concat_ws(E'\n', t.name, t.full_name, t.email, array_to_string(n.identifiers[1:100], E'\n')))
    FROM (
        SELECT min(n.value) FILTER (WHERE n.kind = 'email') AS email,
               array_agg(n.value ORDER BY n.strength, n.kind, n.value COLLATE "C") AS identifiers
        FROM (
            SELECT n.kind, n.value,
                   CASE n.kind WHEN 'user_id' THEN 1 WHEN 'email' THEN 2 WHEN 'phone' THEN 3
                               WHEN 'device_id' THEN 5 WHEN 'anonymous_id' THEN 6 ELSE 4 END AS strength
            FROM public.node n WHERE n.workspace_id = of_workspace AND n.profile_id = of_profile OFFSET 0
        ) n
    ) n
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(t.key, t.value) FILTER (WHERE t.value <> 'null') AS traits,
               max(x.text) FILTER (WHERE t.key = 'name') AS name,
               nullif(concat_ws(' ', max(x.text) FILTER (WHERE t.key IN ('first_name', 'firstName')),
                                max(x.text) FILTER (WHERE t.key IN ('last_name', 'lastName'))), '') AS full_name,
               max(x.text) FILTER (WHERE t.key = 'email') AS email
        FROM (
            SELECT DISTINCT ON (r.key) r.key, r.value
            FROM (SELECT n.node_id FROM public.node n
                  WHERE n.workspace_id = of_workspace AND n.profile_id = of_profile OFFSET 0) n
            -- At most a thousand of a node, the first by key: a profile's traits are written whole, and anybody who has
            -- a publishable key can think of ever more of them. The ranges and their order have PostgreSQL take the index
            -- that begins with the node, whatever it knows of the table: not that of traits, which has all nodes in it.
            CROSS JOIN LATERAL (
                SELECT r.key, r.value, r.occurred_at, r.message_id FROM public.summary_register r
                WHERE r.workspace_id = of_workspace AND r.node_id BETWEEN n.node_id AND n.node_id
                  AND r.kind BETWEEN 'trait' AND 'trait'
                ORDER BY r.node_id, r.account_id, r.kind, r.key LIMIT 1000
            ) r
            ORDER BY r.key, r.occurred_at DESC, r.message_id COLLATE "C" DESC
        ) t
        CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(t.value) WHEN 'string'
                                        THEN nullif(left(btrim(t.value #>> '{}'), 200), '') END AS text) x
    ) t
$$;

-- The purchases of a profile, in these accounts or (null) at all.
CREATE FUNCTION cdp.purchases_of(of_workspace bigint, of_profile bigint, accounts bigint[])
RETURNS TABLE (purchase_count integer, last_purchase_at timestamptz)
LANGUAGE sql STABLE
AS $$
    SELECT count(*)::integer, max(b.first_at)
    FROM (
        SELECT min(o.first_at) AS first_at
        FROM (SELECT n.node_id FROM public.node n
              WHERE n.workspace_id = of_workspace AND n.profile_id = of_profile OFFSET 0) n
        CROSS JOIN LATERAL (
            SELECT o.account_id, o.order_id, o.total, o.total_at, o.total_message_id, o.refunded, o.refunded_whole,
                   o.cancelled, o.first_at
            FROM public.summary_order o WHERE o.workspace_id = of_workspace AND o.node_id = n.node_id OFFSET 0
        ) o
        WHERE accounts IS NULL OR o.account_id = ANY (accounts)
        GROUP BY o.order_id
        HAVING bool_or(o.total_at IS NOT NULL) AND NOT bool_or(o.cancelled) AND NOT bool_or(o.refunded_whole)
           AND NOT (sum(o.refunded) > 0 AND sum(o.refunded)
                    >= (array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                  o.total_message_id COLLATE "C" DESC NULLS LAST))[1])
    ) b
$$;

-- migrate:down

DROP FUNCTION cdp.purchases_of(bigint, bigint, bigint[]);
DROP FUNCTION cdp.names_of(bigint, bigint);
ALTER TABLE node ALTER CONSTRAINT node_workspace_id_profile_id_fkey NOT DEFERRABLE;
