-- migrate:up

-- What a split holds together because what led through the other side is gone may have been the word of pages: it
-- proves nothing either.
CREATE OR REPLACE FUNCTION cdp.visitor_profile(workspace bigint, wanted_kind text, wanted_value text, weak text[]) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
DECLARE
    visitor bigint;
    found bigint;
    others bigint[];
BEGIN
    SELECT n.node_id, n.profile_id INTO visitor, found
    FROM node n WHERE n.workspace_id = workspace AND n.kind = wanted_kind AND n.value = wanted_value;
    IF visitor IS NULL THEN
        RETURN NULL;
    END IF;
    others := ARRAY(
        SELECT n.node_id FROM node n
        WHERE n.workspace_id = workspace AND n.profile_id = found AND n.kind <> ALL (weak) AND n.node_id <> visitor
    );
    IF cardinality(others) = 0 THEN
        RETURN found;
    ELSIF wanted_kind = ANY (weak) THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH RECURSIVE reached AS (
            SELECT visitor AS node_id
            UNION
            SELECT neighbour.node_id
            FROM reached r
            CROSS JOIN LATERAL (
                SELECT l.node_b AS node_id FROM link l
                WHERE l.workspace_id = workspace AND l.node_a = r.node_id AND l.state = 'ACCEPTED' AND l.rule NOT IN ('page', 'split_kept')
                UNION ALL
                SELECT l.node_a FROM link l
                WHERE l.workspace_id = workspace AND l.node_b = r.node_id AND l.state = 'ACCEPTED' AND l.rule NOT IN ('page', 'split_kept')
            ) neighbour
        )
        SELECT CASE WHEN others <@ array_agg(r.node_id) THEN found END FROM reached r
    );
END
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION cdp.visitor_profile(workspace bigint, wanted_kind text, wanted_value text, weak text[]) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
DECLARE
    visitor bigint;
    found bigint;
    others bigint[];
BEGIN
    SELECT n.node_id, n.profile_id INTO visitor, found
    FROM node n WHERE n.workspace_id = workspace AND n.kind = wanted_kind AND n.value = wanted_value;
    IF visitor IS NULL THEN
        RETURN NULL;
    END IF;
    others := ARRAY(
        SELECT n.node_id FROM node n
        WHERE n.workspace_id = workspace AND n.profile_id = found AND n.kind <> ALL (weak) AND n.node_id <> visitor
    );
    IF cardinality(others) = 0 THEN
        RETURN found;
    ELSIF wanted_kind = ANY (weak) THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH RECURSIVE reached AS (
            SELECT visitor AS node_id
            UNION
            SELECT neighbour.node_id
            FROM reached r
            CROSS JOIN LATERAL (
                SELECT l.node_b AS node_id FROM link l
                WHERE l.workspace_id = workspace AND l.node_a = r.node_id AND l.state = 'ACCEPTED' AND l.rule <> 'page'
                UNION ALL
                SELECT l.node_a FROM link l
                WHERE l.workspace_id = workspace AND l.node_b = r.node_id AND l.state = 'ACCEPTED' AND l.rule <> 'page'
            ) neighbour
        )
        SELECT CASE WHEN others <@ array_agg(r.node_id) THEN found END FROM reached r
    );
END
$$;
