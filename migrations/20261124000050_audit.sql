-- migrate:up

-- Who did what, and who read personal data: one chain of entries a workspace. The application may append to it and read
-- it; nobody changes it, and an entry that is changed or taken out all the same no longer fits the one after it.
CREATE TABLE audit_entry (
    -- No cascade: the log outlives what it is about.
    workspace_id bigint NOT NULL REFERENCES workspace,
    -- 1, 2, 3 … without a gap.
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    -- Stable name of who did it: key:12, token:3:ann, operator, …
    principal text NOT NULL CHECK (length(principal) BETWEEN 1 AND 500),
    -- What people call that principal, at that time.
    name text NOT NULL CHECK (length(name) <= 500),
    role text NOT NULL CHECK (length(role) <= 500),
    purpose text CHECK (length(purpose) <= 500),
    act text NOT NULL CHECK (length(act) BETWEEN 1 AND 500),
    object text NOT NULL CHECK (length(object) <= 500),
    -- json and not jsonb: its text is what was hashed.
    detail json NOT NULL CHECK (octet_length(detail::text) <= 20000),
    -- SHA-256 of the previous entry's hash (nothing before the first one's) and of cdp.audit_text of this one.
    hash bytea NOT NULL,
    PRIMARY KEY (workspace_id, sequence)
);
CREATE INDEX audit_entry_act ON audit_entry (workspace_id, act, sequence);
CREATE INDEX audit_entry_principal ON audit_entry (workspace_id, principal, sequence);

-- An entry as canonical JSON (RFC 8785): names in order, no spaces, times in UTC with six digits.
-- What it is made with is looked up here, once, and not by every call.
CREATE FUNCTION cdp.audit_text(one audit_entry) RETURNS text
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

-- Which entry it is, when, and its hash are the chain's to say, and not the writer's. Writers of one workspace take
-- turns from here to the end of their transactions.
CREATE FUNCTION cdp.append_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('cdp.audit', NEW.workspace_id));
    SELECT e.sequence, e.hash INTO last FROM public.audit_entry e
    WHERE e.workspace_id = NEW.workspace_id ORDER BY e.sequence DESC LIMIT 1;
    NEW.sequence := coalesce(last.sequence, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.hash := sha256(coalesce(last.hash, '') || convert_to(cdp.audit_text(NEW), 'UTF8'));
    RETURN NEW;
END
$$;
CREATE TRIGGER append BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION cdp.append_audit();

-- For owners and superusers too, who would have to take the trigger away first.
CREATE FUNCTION cdp.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only added to.' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION cdp.refuse_audit_change();

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON audit_entry USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT ON audit_entry TO diptych_app;
GRANT INSERT (workspace_id, principal, name, role, purpose, act, object, detail) ON audit_entry TO diptych_app;

REVOKE ALL ON FUNCTION cdp.audit_text(audit_entry), cdp.append_audit(), cdp.refuse_audit_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.audit_text(audit_entry) TO diptych_app;

-- migrate:down
DROP TABLE audit_entry CASCADE;
DROP FUNCTION cdp.append_audit();
DROP FUNCTION cdp.refuse_audit_change();
