-- migrate:up

-- The same text; what it is made with is looked up here, once, and not by every call that sets a path for it.
CREATE OR REPLACE FUNCTION cdp.audit_text(one audit_entry) RETURNS text
LANGUAGE sql STABLE
RETURN '{"act":' || to_json(one.act)
    || ',"at":"' || to_char(one.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '","detail":' || one.detail::text
    || ',"name":' || to_json(one.name)
    || ',"object":' || to_json(one.object)
    || ',"principal":' || to_json(one.principal)
    || ',"purpose":' || coalesce(to_json(one.purpose)::text, 'null')
    || ',"role":' || to_json(one.role)
    || ',"sequence":' || one.sequence
    || ',"workspace":' || one.workspace_id || '}';

-- migrate:down
CREATE OR REPLACE FUNCTION cdp.audit_text(one audit_entry) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{"act":' || to_json(one.act)
        || ',"at":"' || to_char(one.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","detail":' || one.detail::text
        || ',"name":' || to_json(one.name)
        || ',"object":' || to_json(one.object)
        || ',"principal":' || to_json(one.principal)
        || ',"purpose":' || coalesce(to_json(one.purpose)::text, 'null')
        || ',"role":' || to_json(one.role)
        || ',"sequence":' || one.sequence
        || ',"workspace":' || one.workspace_id || '}'
$$;
