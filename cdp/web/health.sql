-- name: standing
-- Whether it can be written, by its own clock now, and which months of events have no partition of their own.
SELECT current_setting('transaction_read_only')::bool AS read_only,
       pg_is_in_recovery() AS standby,
       clock_timestamp() AS now,
       ARRAY (
           SELECT to_char(months.month, 'YYYY-MM') FROM unnest($1::date[]) AS months (month)
           WHERE to_regclass('public.event_' || to_char(months.month, 'YYYYMM')) IS NULL
           ORDER BY months.month
       ) AS missing_months;

-- name: waiting
-- What waits to be settled, over all workspaces, and since when the profile that has waited longest is due.
SELECT coalesce(sum(waiting), 0)::bigint AS waiting, min(oldest) FILTER (WHERE waiting > 0) AS oldest,
       coalesce(sum(reclassifying), 0)::bigint AS reclassifying
FROM cdp.workspaces_to_settle();

-- name: contracts
-- Which migrations a server must know of.
SELECT needs, because FROM cdp.schema_contracts() ORDER BY needs;

-- name: server_figures
-- This database and its server, of what everybody may see.
SELECT d.numbackends AS connections, current_setting('max_connections')::int AS most_connections,
       pg_database_size(d.datid) AS bytes, age(p.datfrozenxid)::bigint AS oldest_transaction_id,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks, d.blks_hit AS blocks_hit,
       d.blks_read AS blocks_read, d.temp_bytes,
       (SELECT count(*) FROM pg_locks l WHERE NOT l.granted AND l.database = d.datid) AS lock_waits,
       (SELECT extract(epoch FROM max(clock_timestamp() - a.xact_start))
        FROM pg_stat_activity a WHERE a.datid = d.datid AND a.pid <> pg_backend_pid())::float8 AS longest_transaction
FROM pg_stat_database d JOIN pg_database p ON p.oid = d.datid
WHERE d.datname = current_database();

-- name: table_figures
-- Sizes and rows of the tables, partitions added up under the table that they belong to.
SELECT coalesce(parent.relname, s.relname) AS name,
       sum(pg_table_size(s.relid))::bigint AS table_bytes, sum(pg_indexes_size(s.relid))::bigint AS index_bytes,
       sum(s.n_live_tup)::bigint AS live, sum(s.n_dead_tup)::bigint AS dead
FROM pg_stat_user_tables s
LEFT JOIN pg_inherits i ON i.inhrelid = s.relid
LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE s.schemaname = 'public' AND s.relname <> 'schema_migrations'
GROUP BY 1
ORDER BY 1;
