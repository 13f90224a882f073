-- name: workspaces
-- Where something waits, and for how long it has.
SELECT workspace_id, waiting, oldest, reclassifying FROM cdp.workspaces_to_settle() ORDER BY oldest NULLS LAST

-- name: claim
-- Takes profiles that are due and that no other worker holds, for $4 seconds, in the name of $5. A lease that lasts longer
-- than any that is given was taken before the clock was set back: nobody holds it.
WITH due AS (
    SELECT s.profile_id FROM settlement s
    WHERE s.workspace_id = $1 AND (s.due_at <= $2 OR s.due_at <= s.noted_at)
      AND (s.claimed_until IS NULL OR s.claimed_until <= now()
           OR s.claimed_until > now() + make_interval(secs => 2 * $4::float8))
    ORDER BY s.due_at, s.profile_id
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE settlement s
SET claimed_until = now() + make_interval(secs => $4::float8), claimed_by = $5, attempts = s.attempts + 1
FROM due
WHERE s.workspace_id = $1 AND s.profile_id = due.profile_id
RETURNING s.profile_id, s.version, s.attempts

-- name: lock_nodes
-- Keeps these profiles' nodes in place, in the order in which every writer locks them.
SELECT node_id FROM node
WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
ORDER BY kind, value
FOR KEY SHARE

-- name: lock_profiles
-- Keeps these profiles in place, after their nodes and before their settlement.
SELECT profile_id FROM profile
WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
ORDER BY profile_id
FOR KEY SHARE

-- name: hold
-- Those of the profiles whose lease is still ours; nobody can take it until this transaction ends.
SELECT profile_id FROM settlement
WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[]) AND claimed_by = $3
ORDER BY profile_id
FOR UPDATE

-- name: finish
-- Profiles that nobody has touched since they were claimed are settled.
DELETE FROM settlement s
USING unnest($2::bigint[], $3::bigint[]) AS done (profile_id, version)
WHERE s.workspace_id = $1 AND s.profile_id = done.profile_id AND s.version = done.version AND s.claimed_by = $4

-- name: release
-- Profiles that were touched meanwhile wait for the next turn.
UPDATE settlement
SET claimed_until = NULL, claimed_by = NULL, attempts = 0
WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[]) AND claimed_by = $3

-- name: postpone
-- Profiles that could not be settled, or not wholly, are tried again later, unless they are touched before.
UPDATE settlement s
SET claimed_until = NULL, claimed_by = NULL, due_at = CASE WHEN s.version = p.version THEN p.due_at ELSE s.due_at END
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) AS p (profile_id, version, due_at)
WHERE s.workspace_id = $1 AND s.profile_id = p.profile_id AND s.claimed_by = $5

-- name: forget_answers
-- Providers' answers that are due again; without them the providers will be asked.
DELETE FROM enrichment_asked a
WHERE a.workspace_id = $1
  AND (a.node_id, a.provider) IN (
      SELECT o.node_id, o.provider FROM enrichment_asked o
      WHERE o.workspace_id = $1 AND o.due_at <= $2
      ORDER BY o.due_at LIMIT $3)
RETURNING (SELECT n.profile_id FROM node n WHERE n.workspace_id = $1 AND n.node_id = a.node_id) AS profile_id

-- name: their_time
-- The database's clock.
SELECT clock_timestamp()

-- name: ensure_partition
-- Makes the partition of this month's events, if it is missing.
SELECT cdp.ensure_event_partition($1::date)

-- name: ensure_message_partition
-- Makes the partition of the ids of this month's messages, if it is missing.
SELECT cdp.ensure_message_partition($1::date)

-- name: forget_messages
-- Forgets the ids of messages that came longer ago than any workspace says; one that says none: $2 days.
SELECT cdp.forget_messages($1::date, $2)

-- name: note_plugin_health
-- What this process says of its plugins.
SELECT cdp.note_plugin_health($1, $2::jsonb, $3)

-- name: plugins_health
-- What all processes said of their plugins within the last day.
SELECT plugin, hook, calls, failures, timeouts, refused, skipped, last_error, last_error_at, left_alone
FROM cdp.plugins_health($1) ORDER BY plugin, hook
