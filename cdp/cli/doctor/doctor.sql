-- name: server_version
-- Which PostgreSQL this is.
SHOW server_version;

-- name: contracts
-- Which migrations a server must know of.
SELECT needs, because FROM cdp.schema_contracts() ORDER BY needs;

-- name: waiting
-- What waits to be settled in each workspace, and for how long.
SELECT waiting, now() - oldest AS lag, reclassifying FROM cdp.workspaces_to_settle();

-- name: refused
-- Refused events that nobody has replayed, by reason; counted up to $1.
SELECT code, items, now() - newest AS newest_age FROM cdp.refused_backlog($1) ORDER BY items DESC, code;

-- name: roles
-- The application's role $1, and the tables with workspaces that row-level security does not hold on.
SELECT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = $1) AS bypasses,
       (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) AS login_is_superuser,
       ARRAY (SELECT t.relname::text FROM pg_class t JOIN pg_roles r ON r.oid = t.relowner AND r.rolname = $1
              WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') ORDER BY t.relname) AS owned,
       ARRAY (SELECT t.relname::text FROM pg_class t
              JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
              WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
                AND NOT (t.relrowsecurity AND t.relforcerowsecurity)
              ORDER BY t.relname) AS open_tables,
       ARRAY (SELECT t.relname::text FROM pg_class t
              WHERE t.relnamespace = 'public'::regnamespace AND t.relrowsecurity AND NOT t.relispartition
                AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polname = 'bound')
              ORDER BY t.relname) AS unbound_tables,
       (SELECT count(*) FROM pg_class t
        WHERE t.relnamespace = 'public'::regnamespace AND t.relforcerowsecurity AND NOT t.relispartition) AS tables;

-- name: missing_months
-- Which of these months have no partition of their own.
SELECT ARRAY (
    SELECT to_char(months.month, 'YYYY-MM') FROM unnest($1::date[]) AS months (month)
    WHERE to_regclass('public.event_' || to_char(months.month, 'YYYYMM')) IS NULL
    ORDER BY months.month);

-- name: clock
-- The server's clock.
SELECT clock_timestamp();

-- name: sees_all
-- Whether this login sees what other logins do.
SELECT pg_has_role('pg_read_all_stats', 'USAGE');

-- name: settings
-- Settings that decide what survives a crash, and how much there is room for.
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit, current_setting('autovacuum') AS autovacuum,
       current_setting('track_counts') AS track_counts,
       current_setting('transaction_read_only')::bool AS read_only,
       pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
       current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int AS reserved;

-- name: sizes
-- Size of the database, and where it lies, as far as this login may know.
SELECT pg_database_size(current_database()) AS bytes,
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data_directory;

-- name: long_transactions
-- Transactions that have been open for more than $1 seconds, the oldest first.
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename::text, a.backend_type) AS who,
       coalesce(a.state, 'at work') AS state, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND clock_timestamp() - a.xact_start > make_interval(secs => $1)
ORDER BY a.xact_start
LIMIT 10;

-- name: prepared_transactions
-- Transactions prepared for two-phase commit more than $1 seconds ago.
SELECT p.gid, extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS seconds
FROM pg_prepared_xacts p
WHERE p.database = current_database() AND clock_timestamp() - p.prepared > make_interval(secs => $1)
ORDER BY p.prepared
LIMIT 10;

-- name: lock_waits
-- Who has waited for a lock for more than $1 seconds, on what, and who holds it.
SELECT l.pid, coalesce(c.relname::text, l.locktype) AS what, pg_blocking_pids(l.pid) AS blockers,
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS seconds
FROM pg_locks l
LEFT JOIN pg_class c ON c.oid = l.relation
WHERE NOT l.granted AND clock_timestamp() - l.waitstart > make_interval(secs => $1)
  AND cardinality(pg_blocking_pids(l.pid)) > 0
ORDER BY l.waitstart;

-- name: wraparound
-- The table whose oldest row is furthest from being frozen.
SELECT c.relname::text AS name, age(c.relfrozenxid)::bigint AS transactions, mxid_age(c.relminmxid)::bigint AS multixacts
FROM pg_class c
WHERE c.relkind IN ('r', 'm', 't') AND c.relfrozenxid <> '0'::xid
ORDER BY greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) DESC
LIMIT 1;

-- name: dead_rows
-- Tables with more than $1 dead rows that are more than the share $2 of the live ones.
SELECT s.relname::text AS name, s.n_live_tup AS live, s.n_dead_tup AS dead,
       extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::float8 AS seconds
FROM pg_stat_user_tables s
WHERE s.n_dead_tup > $1 AND s.n_dead_tup > $2::float8 * s.n_live_tup
ORDER BY s.n_dead_tup DESC
LIMIT 10;

-- name: unvacuumed
-- Tables for which autovacuum is turned off.
SELECT c.relname::text AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND 'autovacuum_enabled=false' = ANY (c.reloptions)
ORDER BY c.relname;

-- name: invalid_indexes
-- Indexes that no query uses, because building them was never finished.
SELECT c.relname::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname;

-- name: idle_slots
-- Replication slots without a reader that keep more than $1 bytes of the log.
SELECT s.slot_name::text AS slot_name, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS kept
FROM pg_replication_slots s
WHERE NOT s.active AND NOT pg_is_in_recovery() AND pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) > $1
ORDER BY kept DESC;
