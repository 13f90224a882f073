-- name: start
-- Everybody, or everybody of one account, is to be resolved anew; an account's that waits already starts over.
INSERT INTO role_backfill (workspace_id, account_id, reason, total, started_at)
SELECT $1, $2, $3,
       CASE WHEN $2::bigint IS NULL
            THEN (SELECT count(*) FROM profile p WHERE p.workspace_id = $1 AND p.merged_into IS NULL)
            ELSE (SELECT count(*) FROM membership m WHERE m.workspace_id = $1 AND m.account_id = $2) END,
       $4
ON CONFLICT (workspace_id, account_id) WHERE finished_at IS NULL DO UPDATE
SET profile_cursor = 0, handed_over = 0, read_through = false
RETURNING backfill_id, total

-- name: supersede
-- What was under way for everybody is taken over by the one that starts now.
UPDATE role_backfill SET finished_at = $2
WHERE workspace_id = $1 AND account_id IS NULL AND finished_at IS NULL

-- name: oldest
-- The backfill to go on with: an account's first, which are short. Others go past it while one works on it.
SELECT backfill_id, account_id, profile_cursor, read_through, handed_over, handed_over_at FROM role_backfill
WHERE workspace_id = $1 AND finished_at IS NULL
ORDER BY account_id IS NULL, backfill_id
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: waiting
-- How many people wait to be settled that are not put off.
SELECT count(*) FROM (
    SELECT FROM settlement s
    WHERE s.workspace_id = $1 AND (s.due_at <= $2 OR s.due_at <= s.noted_at) LIMIT $3) one

-- name: unsettled
-- How many of those that were handed over until $3 wait to be settled and are not put off.
SELECT count(*) FROM (
    SELECT FROM settlement s
    WHERE s.workspace_id = $1 AND s.noted_at <= $3 AND (s.due_at <= $2 OR s.due_at <= s.noted_at) LIMIT 1) one

-- name: next_people
-- The next people of all.
SELECT profile_id FROM profile
WHERE workspace_id = $1 AND profile_id > $2 AND merged_into IS NULL
ORDER BY profile_id LIMIT $3

-- name: next_members
-- The next people of an account.
SELECT profile_id FROM membership
WHERE workspace_id = $1 AND account_id = $4 AND profile_id > $2
ORDER BY profile_id LIMIT $3

-- name: advance
-- So far have people been handed over.
UPDATE role_backfill
SET profile_cursor = $3, handed_over = handed_over + $4, read_through = $5,
    total = greatest(total, handed_over + $4), handed_over_at = $6
WHERE workspace_id = $1 AND backfill_id = $2

-- name: finish
-- Everybody was resolved, or is put off because a plugin fails.
UPDATE role_backfill SET finished_at = $3, total = handed_over
WHERE workspace_id = $1 AND backfill_id = $2

-- name: forget
-- Those of accounts leave no trace, and of those of everybody the latest few remain.
DELETE FROM role_backfill b
WHERE b.workspace_id = $1 AND b.finished_at IS NOT NULL
  AND (b.account_id IS NOT NULL
       OR b.backfill_id < (SELECT min(l.backfill_id) FROM (
              SELECT o.backfill_id FROM role_backfill o WHERE o.workspace_id = $1 AND o.account_id IS NULL
              ORDER BY o.backfill_id DESC LIMIT $2) l))

-- name: recent
-- Backfills of everybody, the latest first.
SELECT backfill_id, reason, total, handed_over, started_at, finished_at FROM role_backfill
WHERE workspace_id = $1 AND account_id IS NULL
ORDER BY backfill_id DESC LIMIT $2

-- name: workspaces
-- Where something is to be resolved without an event.
SELECT workspace_id, version, fingerprint, noted_version, process_started_at, due, backfills
FROM cdp.workspaces_to_resolve($1) ORDER BY workspace_id

-- name: begin_resolution
-- A row to lock, before anything was noted.
INSERT INTO role_resolution
    (workspace_id, fingerprint, resolvers, workspace_version, process_started_at, noted_at)
VALUES ($1, '', '[]', 0, $2, $2)
ON CONFLICT (workspace_id) DO NOTHING

-- name: lock_resolution
-- What roles are being resolved with.
SELECT fingerprint, workspace_version, process_started_at FROM role_resolution WHERE workspace_id = $1 FOR UPDATE

-- name: note_resolution
-- What roles are being resolved with from now on.
UPDATE role_resolution
SET fingerprint = $2, resolvers = $3::jsonb, workspace_version = $4, process_started_at = $5, noted_at = $6
WHERE workspace_id = $1

-- name: resolution
-- What roles are being resolved with, as it was noted.
SELECT fingerprint, resolvers, noted_at FROM role_resolution WHERE workspace_id = $1
