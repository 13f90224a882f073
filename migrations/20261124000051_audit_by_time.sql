-- migrate:up

-- What happened in a month is exported without reading the years before it.
CREATE INDEX audit_entry_at ON audit_entry (workspace_id, at);

-- migrate:down
DROP INDEX audit_entry_at;
