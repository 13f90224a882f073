-- name: lock_workspace
-- Holds off changes of settings and catalogue until the transaction ends, as every ingest transaction does.
SELECT pg_advisory_xact_lock_shared(7001, $1::bigint::integer);

-- name: lock_profiles
-- Locks profiles in the order that every writer keeps: ($1 workspace, $2 profile ids).
SELECT f.profile_id FROM profile f
WHERE f.workspace_id = $1 AND f.profile_id = ANY($2::bigint[])
ORDER BY f.profile_id
FOR NO KEY UPDATE;

-- name: profiles_of
-- The profiles that nodes belong to: ($1 workspace, $2 node ids).
SELECT DISTINCT n.profile_id FROM node n
WHERE n.workspace_id = $1 AND n.node_id = ANY($2::bigint[])
ORDER BY n.profile_id;

-- name: count_nodes
-- How many nodes there are: ($1 workspace).
SELECT count(*) FROM node n WHERE n.workspace_id = $1;

-- name: next_nodes
-- The next nodes by id: ($1 workspace, $2 after this one, $3 at most so many).
SELECT n.node_id FROM node n
WHERE n.workspace_id = $1 AND n.node_id > $2
ORDER BY n.node_id
LIMIT $3;

-- name: history_step
-- Until when the next events after a moment lie: ($1 workspace, $2 after this moment, $3 so many); null: that was all of them.
SELECT e.occurred_at FROM event e
WHERE e.workspace_id = $1 AND e.occurred_at > $2
ORDER BY e.occurred_at
LIMIT 1 OFFSET $3;

-- name: note_nodes
-- Notes whose events count under one of these names: ($1 workspace, $2 reclassification, $3 names, $4 after this moment, $5 until this one).
INSERT INTO reclassification_node (workspace_id, reclassification_id, node_id)
SELECT DISTINCT $1::bigint, $2::bigint, e.node_id
FROM event e
WHERE e.workspace_id = $1 AND e.occurred_at > $4 AND e.occurred_at <= $5
  AND (e.name = ANY($3::text[]) OR e.context #>> '{diptych,countsAs}' = ANY($3::text[]))
ON CONFLICT (workspace_id, reclassification_id, node_id) DO NOTHING;

-- name: noted_nodes
-- The next nodes that a reclassification concerns: ($1 workspace, $2 reclassification, $3 after this node, $4 at most so many).
SELECT r.node_id FROM reclassification_node r
WHERE r.workspace_id = $1 AND r.reclassification_id = $2 AND r.node_id > $3
ORDER BY r.node_id
LIMIT $4;

-- name: forget_nodes
-- Forgets whom finished reclassifications concerned: ($1 workspace).
DELETE FROM reclassification_node n
WHERE n.workspace_id = $1
  AND n.reclassification_id IN (SELECT r.reclassification_id FROM reclassification r
                                WHERE r.workspace_id = $1 AND r.finished_at IS NOT NULL);

-- name: events_of
-- All events of some nodes, as they were stored: ($1 workspace, $2 node ids).
SELECT e.event_id, e.occurred_at, e.received_at, e.message_id, e.type, e.name, e.node_id, e.account_id, e.intent,
       e.usage, e.source, e.properties, e.context
FROM event e
WHERE e.workspace_id = $1 AND e.node_id = ANY($2::bigint[])
ORDER BY e.node_id, e.occurred_at, e.event_id;

-- name: delete_summaries
-- Forgets the summaries of some nodes: ($1 workspace, $2 node ids).
WITH tallies AS (DELETE FROM summary_tally s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])),
     days AS (DELETE FROM summary_day s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])),
     registers AS (DELETE FROM summary_register s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[]))
DELETE FROM summary_order s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[]);

-- name: compact_days
-- Forgets days more than 400 before the last usage of their node and account: ($1 workspace, $2 node ids).
DELETE FROM summary_day d
USING (
    SELECT l.node_id, l.account_id, max(l.day) - 400 AS oldest FROM summary_day l
    WHERE l.workspace_id = $1 AND l.node_id = ANY($2::bigint[]) AND l.feature = ''
    GROUP BY l.node_id, l.account_id
) l
WHERE d.workspace_id = $1 AND d.node_id = l.node_id AND d.account_id = l.account_id AND d.day < l.oldest;

-- name: compact_base_days
-- The same among what dropped events left: ($1 workspace, $2 node ids).
DELETE FROM base_day d
USING (
    SELECT l.node_id, l.account_id, max(l.day) - 400 AS oldest FROM summary_day l
    WHERE l.workspace_id = $1 AND l.node_id = ANY($2::bigint[]) AND l.feature = ''
    GROUP BY l.node_id, l.account_id
) l
WHERE d.workspace_id = $1 AND d.node_id = l.node_id AND d.account_id = l.account_id AND d.day < l.oldest;

-- name: classify_events
-- Says of events which panels they feed: ($1 workspace, $2 times, $3 event ids, $4 intent, $5 usage, $6 the earliest time, $7 the latest).
UPDATE event e SET intent = u.intent, usage = u.usage
FROM unnest($2::timestamptz[], $3::bigint[], $4::boolean[], $5::boolean[]) AS u (occurred_at, event_id, intent, usage)
WHERE e.workspace_id = $1 AND e.occurred_at = u.occurred_at AND e.event_id = u.event_id
  AND e.occurred_at >= $6 AND e.occurred_at <= $7;

-- name: snapshot
-- What is derived for some nodes and profiles, row by row: ($1 workspace, $2 node ids, $3 profile ids).
SELECT 'summary_tally' AS tbl, concat_ws(' ', 'node', s.node_id, 'account', s.account_id, s.kind, s.key) AS place,
       to_jsonb(s)::text AS value
FROM summary_tally s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])
UNION ALL
SELECT 'summary_day', concat_ws(' ', 'node', s.node_id, 'account', s.account_id, s.day, s.feature), to_jsonb(s)::text
FROM summary_day s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])
UNION ALL
SELECT 'summary_register', concat_ws(' ', 'node', s.node_id, 'account', s.account_id, s.kind, s.key), to_jsonb(s)::text
FROM summary_register s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])
UNION ALL
SELECT 'summary_order', concat_ws(' ', 'node', s.node_id, 'account', s.account_id, s.order_id), to_jsonb(s)::text
FROM summary_order s WHERE s.workspace_id = $1 AND s.node_id = ANY($2::bigint[])
UNION ALL
SELECT 'profile', concat_ws(' ', 'profile', f.profile_id), to_jsonb(f)::text
FROM profile f WHERE f.workspace_id = $1 AND f.profile_id = ANY($3::bigint[])
UNION ALL
SELECT 'membership', concat_ws(' ', 'profile', m.profile_id, 'account', m.account_id), to_jsonb(m)::text
FROM membership m WHERE m.workspace_id = $1 AND m.profile_id = ANY($3::bigint[]);

-- name: oldest_reclassification
-- The oldest history to be classified anew that no other worker is at: ($1 workspace).
SELECT r.reclassification_id, r.events, r.node_cursor, r.read_to,
       r.read_to IS NOT DISTINCT FROM 'infinity' AS read_through
FROM reclassification r
WHERE r.workspace_id = $1 AND r.finished_at IS NULL
ORDER BY r.reclassification_id
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: advance_reading
-- Remembers until when history has been read: ($1 workspace, $2 id, $3 until when).
UPDATE reclassification SET read_to = $3
WHERE workspace_id = $1 AND reclassification_id = $2;

-- name: advance_reclassification
-- Remembers how far it has come: ($1 workspace, $2 id, $3 last node done, $4 when finished or null).
UPDATE reclassification SET node_cursor = $3, finished_at = $4
WHERE workspace_id = $1 AND reclassification_id = $2;

-- name: open_reclassifications
-- How many wait, and the latest of them: ($1 workspace).
SELECT count(*) AS waiting, coalesce(max(r.reclassification_id), 0) AS latest
FROM reclassification r
WHERE r.workspace_id = $1 AND r.finished_at IS NULL;

-- name: finish_reclassifications
-- A rebuild has done what was noted before it began: ($1 workspace, $2 the latest of them, $3 now).
UPDATE reclassification SET finished_at = $3
WHERE workspace_id = $1 AND reclassification_id <= $2 AND finished_at IS NULL;

-- name: progress_of
-- How far work has come that takes long: ($1 workspace, $2 task).
SELECT p.node_cursor, p.report, p.begun_at, p.finished_at FROM progress p WHERE p.workspace_id = $1 AND p.task = $2;

-- name: claim_progress
-- The same, for this transaction alone: ($1 workspace, $2 task); no row where another worker is at it.
SELECT p.node_cursor, p.begun_at, p.finished_at FROM progress p WHERE p.workspace_id = $1 AND p.task = $2
FOR UPDATE SKIP LOCKED;

-- name: begin_progress
-- Begins work that takes long, or begins it anew: ($1 workspace, $2 task, $3 report, $4 now).
INSERT INTO progress (workspace_id, task, report, begun_at, updated_at) VALUES ($1, $2, $3::jsonb, $4, $4)
ON CONFLICT (workspace_id, task) DO UPDATE
SET node_cursor = 0, report = excluded.report, begun_at = excluded.begun_at, updated_at = excluded.updated_at,
    finished_at = NULL;

-- name: advance_progress
-- Remembers how far work has come: ($1 workspace, $2 task, $3 last node done, $4 report, $5 now).
UPDATE progress SET node_cursor = $3, report = $4::jsonb, updated_at = $5 WHERE workspace_id = $1 AND task = $2;

-- name: finish_progress
-- The work is done: ($1 workspace, $2 task, $3 now).
UPDATE progress SET updated_at = $3, finished_at = $3 WHERE workspace_id = $1 AND task = $2;
