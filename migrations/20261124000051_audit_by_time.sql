-- migrate:up transaction:false

-- What happened in a month is exported without reading the years before it. Built while writers go on.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_entry_at ON audit_entry (workspace_id, at);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY IF EXISTS audit_entry_at;
