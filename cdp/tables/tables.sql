-- name: one_at_a_time
-- Processes that do this at the same moment wait for each other, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('cdp.plugin_migration', 0))

-- name: applied
-- Files that the database has.
SELECT plugin, name, digest FROM cdp.plugin_migrations()

-- name: note
-- A file was applied.
INSERT INTO cdp.plugin_migration (plugin, name, digest) VALUES ($1, $2, $3)

-- name: forget
-- A plugin's tables are gone.
DELETE FROM cdp.plugin_migration WHERE plugin = $1

-- name: has_role
-- Whether the server has a role.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)

-- name: has_schema
-- Whether the database has a schema.
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)

-- name: confined
-- A function that runs statements with the rights of who made it, and can become nobody else.
CREATE FUNCTION "{schema}".apply_confined(statements text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = "{schema}", pg_temp
AS $$ BEGIN EXECUTE statements; END $$

-- name: tables
-- Tables of a schema, and whether they have been bound before.
SELECT c.relname AS name,
       EXISTS (SELECT FROM pg_policy y WHERE y.polrelid = c.oid AND y.polname = 'bound') AS has_policy
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
ORDER BY c.relname

-- name: faults
-- What in a schema cannot be bound to workspaces, as sentences.
SELECT format('the table %s has no column workspace_id of the type bigint that must not be null', c.relname) AS fault
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id'
                  AND a.atttypid = 'bigint'::regtype AND a.attnotnull AND NOT a.attisdropped)
UNION ALL
SELECT format('the table %s has no primary key', c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
UNION ALL
SELECT format('the key %s of %s does not begin with workspace_id', i.relname, c.relname)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND x.indisunique AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = x.indkey[0]
                  AND a.attname = 'workspace_id')
UNION ALL
SELECT format('it makes %s, which is neither a table nor an index nor a sequence', c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind NOT IN ('r', 'p', 'i', 'I', 'S', 't', 'c')
UNION ALL
SELECT format('it makes the function %s, and functions are not allowed', p.proname)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1
UNION ALL
SELECT format('the table %s refers to another schema', c.relname)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid
WHERE n.nspname = $1 AND k.contype = 'f' AND f.relnamespace <> c.relnamespace
UNION ALL
SELECT format('the table %s has a policy of its own', c.relname)
FROM pg_policy y
JOIN pg_class c ON c.oid = y.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND y.polname <> 'bound'
