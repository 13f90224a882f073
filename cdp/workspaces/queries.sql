-- name: create
-- Makes a workspace with every setting at its default: ($1 name).
SELECT cdp.create_workspace($1);

-- name: list_all
-- Every workspace's id and name, oldest first; the only list across workspaces.
SELECT l.workspace_id, l.name FROM cdp.list_workspaces() AS l ORDER BY l.workspace_id;

-- name: find
-- The id of the workspace of a name: ($1 name).
SELECT l.workspace_id FROM cdp.list_workspaces() AS l WHERE l.name = $1;

-- name: load
-- A workspace with its own catalogue entries, its features and its plugins, all of one version: ($1 workspace).
SELECT w.name, w.version, w.epoch, w.settings, w.limits,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('entry_id', e.entry_id, 'event', e.event,
                   'conditions', e.conditions, 'contributions', e.contributions) ORDER BY e.entry_id), '[]')
        FROM catalogue_entry e WHERE e.workspace_id = $1) AS entries,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('key', f.key, 'name', f.name, 'tip', f.tip) ORDER BY f.key), '[]')
        FROM feature f WHERE f.workspace_id = $1) AS features,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('plugin', c.plugin, 'event', c.event, 'conditions', c.conditions,
                   'contributions', c.contributions, 'description', c.description) ORDER BY c.plugin, c.position), '[]')
        FROM plugin_catalogue_entry c WHERE c.workspace_id = $1) AS plugin_entries,
       (SELECT coalesce(jsonb_object_agg(p.plugin, jsonb_build_object('enabled', p.enabled, 'settings', p.settings,
                   'secrets', p.secrets)), '{}')
        FROM plugin_state p WHERE p.workspace_id = $1) AS plugins,
       (SELECT coalesce(jsonb_object_agg(t.of, t.classes), '{}')
        FROM (SELECT c.of, jsonb_object_agg(c.folded, c.class) AS classes FROM trait_class c WHERE c.workspace_id = $1
              GROUP BY c.of) t) AS trait_classes
FROM workspace w
WHERE w.workspace_id = $1;

-- name: version
-- The version of a workspace, to tell whether what a process holds is still true: ($1 workspace).
SELECT w.version FROM workspace w WHERE w.workspace_id = $1;

-- name: lock
-- Waits for every transaction that uses the workspace's catalogue, and holds off new ones: ($1 workspace).
SELECT pg_advisory_xact_lock(7001, $1::bigint::integer);

-- name: save_settings
-- Replaces what differs from the defaults: ($1 workspace, $2 settings, $3 epoch of the decay).
UPDATE workspace SET settings = $2::jsonb, epoch = $3 WHERE workspace_id = $1;

-- name: save_limits
-- Replaces what the operator allows, and tells every process: ($1 workspace, $2 limits).
UPDATE workspace SET limits = $2::jsonb, version = version + 1 WHERE workspace_id = $1;

-- name: bump
-- Tells every process that it holds an old version: ($1 workspace).
UPDATE workspace SET version = version + 1 WHERE workspace_id = $1;

-- name: note_reclassification
-- History to be classified anew: ($1 workspace, $2 event names or null for all, $3 when).
INSERT INTO reclassification (workspace_id, events, noted_at) VALUES ($1, $2::text[], $3);

-- name: delete_entries
-- Removes the workspace's own entries of these ids: ($1 workspace, $2 entry ids).
DELETE FROM catalogue_entry WHERE workspace_id = $1 AND entry_id = ANY($2::bigint[]);

-- name: insert_entry
-- Adds an entry of the workspace's own: ($1 workspace, $2 event, $3 conditions, $4 contributions).
INSERT INTO catalogue_entry (workspace_id, event, conditions, contributions)
VALUES ($1, $2, $3::jsonb, $4::jsonb)
RETURNING entry_id;

-- name: save_feature
-- Adds or replaces a feature: ($1 workspace, $2 key, $3 name, $4 tip).
INSERT INTO feature (workspace_id, key, name, tip) VALUES ($1, $2, $3, $4)
ON CONFLICT (workspace_id, key) DO UPDATE SET name = excluded.name, tip = excluded.tip;

-- name: delete_feature
-- Removes a feature; its use stays counted: ($1 workspace, $2 key).
DELETE FROM feature WHERE workspace_id = $1 AND key = $2 RETURNING key;

-- name: save_plugin
-- What the workspace decides about a plugin: ($1 workspace, $2 plugin, $3 enabled, $4 settings, $5 secrets, $6 by whom,
-- $7 when).
INSERT INTO plugin_state (workspace_id, plugin, enabled, settings, secrets, changed_by, changed_at)
VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7)
ON CONFLICT (workspace_id, plugin) DO UPDATE
SET enabled = excluded.enabled, settings = excluded.settings, secrets = excluded.secrets,
    changed_by = excluded.changed_by, changed_at = excluded.changed_at;

-- name: forget_plugin_entries
-- Removes what these plugins added to the catalogue: ($1 workspace, $2 plugins).
DELETE FROM plugin_catalogue_entry WHERE workspace_id = $1 AND plugin = ANY ($2::text[]);

-- name: keep_plugin_entries
-- Writes what plugins add to the catalogue: ($1 workspace, $2 plugins, $3 positions, $4 events, $5 conditions, $6 contributions,
-- $7 descriptions).
INSERT INTO plugin_catalogue_entry (workspace_id, plugin, position, event, conditions, contributions, description)
SELECT $1, e.plugin, e.position, e.event, e.conditions::jsonb, e.contributions::jsonb, e.description
FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[])
     AS e (plugin, position, event, conditions, contributions, description);

-- name: list_trait_classes
-- What traits tell, as far as it is declared: ($1 workspace).
SELECT c.of, c.key, c.class, c.changed_by, c.changed_at FROM trait_class c WHERE c.workspace_id = $1
ORDER BY c.of, c.key COLLATE "C";

-- name: count_trait_classes
-- How many are declared: ($1 workspace, $2 of what).
SELECT count(*) FROM trait_class c WHERE c.workspace_id = $1 AND c.of = $2;

-- name: save_trait_class
-- Declares what a trait tells, however it was spelled before: ($1 workspace, $2 of what, $3 key, $4 class, $5 by whom,
-- $6 when).
INSERT INTO trait_class (workspace_id, of, key, class, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (workspace_id, of, folded) DO UPDATE
SET key = excluded.key, class = excluded.class, changed_by = excluded.changed_by, changed_at = excluded.changed_at;

-- name: delete_trait_class
-- Forgets what a trait tells: ($1 workspace, $2 of what, $3 folded key).
DELETE FROM trait_class WHERE workspace_id = $1 AND of = $2 AND folded = $3 RETURNING class;

-- name: trait_keys_of_people
-- The keys that people's traits have, from step to step of the index: ($1 workspace, $2 how many at most).
WITH RECURSIVE seen AS (
    (SELECT r.key FROM summary_register r WHERE r.workspace_id = $1 AND r.kind = 'trait' ORDER BY r.key LIMIT 1)
    UNION ALL
    SELECT (SELECT r.key FROM summary_register r
            WHERE r.workspace_id = $1 AND r.kind = 'trait' AND r.key > s.key ORDER BY r.key LIMIT 1)
    FROM seen s WHERE s.key IS NOT NULL
)
SELECT s.key FROM seen s WHERE s.key IS NOT NULL ORDER BY s.key LIMIT $2;

-- name: trait_keys_of_accounts
-- The keys that accounts' traits have, of as many traits as can be looked at: ($1 workspace, $2 how many at most).
SELECT DISTINCT t.key FROM (SELECT a.key FROM account_trait a WHERE a.workspace_id = $1 LIMIT 50000) t
ORDER BY t.key LIMIT $2;
