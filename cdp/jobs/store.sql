-- name: start
-- A job to be done; where one of its key is unfinished, that one stands for it.
INSERT INTO job (workspace_id, plugin, name, key, input, started_by, created_at, due_at, retry_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $7)
ON CONFLICT (workspace_id, plugin, name, key) WHERE key IS NOT NULL AND state IN ('WAITING', 'RUNNING') DO NOTHING
RETURNING job_id

-- name: unfinished_of_key
-- The job that stands for the others of its key.
SELECT job_id FROM job
WHERE workspace_id = $1 AND plugin = $2 AND name = $3 AND key = $4 AND state IN ('WAITING', 'RUNNING')

-- name: wake
-- Workers of every process are woken when the transaction commits.
SELECT pg_notify('cdp_background', '')

-- name: waiting
-- What is unfinished, by workspace and plugin.
SELECT workspace_id, plugin, unfinished, oldest, next_due FROM cdp.jobs_to_run() ORDER BY next_due NULLS LAST

-- name: claim
-- Takes jobs of a plugin that are due, or whose worker died, for $5 seconds, in the name of $6.
WITH due AS (
    SELECT j.job_id FROM job j
    WHERE j.workspace_id = $1 AND j.plugin = $2 AND j.state IN ('WAITING', 'RUNNING')
      AND (j.retry_at <= $3 OR j.retry_at <= j.created_at) AND (j.claimed_until IS NULL OR j.claimed_until <= now())
    ORDER BY j.retry_at, j.job_id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE job j
SET state = 'RUNNING', claimed_until = now() + make_interval(secs => $5::float8), claimed_by = $6,
    attempts = j.attempts + 1, began_at = $3, done = 0, total = NULL, message = NULL
FROM due
WHERE j.workspace_id = $1 AND j.job_id = due.job_id
RETURNING j.job_id, j.name, j.input, j.attempts, j.due_at, j.cancel_asked

-- name: beat
-- It goes on, and so far; the answer is whether somebody wants it stopped. No row: another worker has it.
UPDATE job
SET claimed_until = now() + make_interval(secs => $4::float8), done = $5, total = $6, message = $7
WHERE workspace_id = $1 AND job_id = $2 AND claimed_by = $3
RETURNING cancel_asked

-- name: finish
-- It is over: done, failed for good, or cancelled.
UPDATE job
SET state = $4, claimed_until = NULL, claimed_by = NULL, finished_at = $5, result = $6::jsonb, error = $7, done = $8,
    total = $9, message = $10
WHERE workspace_id = $1 AND job_id = $2 AND claimed_by = $3

-- name: try_again
-- It failed, and is tried again later.
UPDATE job
SET state = 'WAITING', claimed_until = NULL, claimed_by = NULL, retry_at = $4, error = $5
WHERE workspace_id = $1 AND job_id = $2 AND claimed_by = $3

-- name: hand_back
-- It was not tried to its end, through no fault of its own: another worker may have it at once.
UPDATE job
SET state = 'WAITING', claimed_until = NULL, claimed_by = NULL, attempts = attempts - 1
WHERE workspace_id = $1 AND job_id = $2 AND claimed_by = $3

-- name: cancel
-- Somebody wants it stopped: one that nobody runs is, one that runs is told.
UPDATE job
SET cancel_asked = true,
    state = CASE WHEN claimed_until > now() THEN state ELSE 'CANCELLED' END,
    finished_at = CASE WHEN claimed_until > now() THEN finished_at ELSE $3 END
WHERE workspace_id = $1 AND job_id = $2 AND state IN ('WAITING', 'RUNNING')
RETURNING state

-- name: retry
-- One that failed or was cancelled is tried again, as if it were new.
UPDATE job
SET state = 'WAITING', attempts = 0, retry_at = $3, finished_at = NULL, error = NULL, cancel_asked = false
WHERE workspace_id = $1 AND job_id = $2 AND state IN ('FAILED', 'CANCELLED')
RETURNING job_id

-- name: state_of
-- How one is.
SELECT state FROM job WHERE workspace_id = $1 AND job_id = $2

-- name: jobs
-- The latest jobs.
SELECT job_id, plugin, name, state, attempts, started_by, created_at, due_at, retry_at, began_at, finished_at,
       cancel_asked, done, total, message, error
FROM job
WHERE workspace_id = $1 AND ($2::text IS NULL OR plugin = $2) AND ($3::text IS NULL OR state = $3)
ORDER BY job_id DESC
LIMIT $4

-- name: forget_jobs
-- Jobs that ended before $2.
DELETE FROM job WHERE workspace_id = $1 AND job_id IN (
    SELECT j.job_id FROM job j WHERE j.workspace_id = $1 AND j.finished_at < $2 ORDER BY j.finished_at LIMIT $3)

-- name: schedules
-- When schedules tick.
SELECT plugin, name, definition, next_at, last_at, last_job_id FROM schedule WHERE workspace_id = $1
ORDER BY plugin, name

-- name: keep_schedules
-- Schedules as plugins have them now; one that was changed ticks as it does now.
INSERT INTO schedule AS s (workspace_id, plugin, name, definition, next_at)
SELECT $1, n.plugin, n.name, n.definition, n.next_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS n (plugin, name, definition, next_at)
ORDER BY n.plugin, n.name
ON CONFLICT (workspace_id, plugin, name) DO UPDATE
SET definition = excluded.definition, next_at = excluded.next_at
WHERE s.definition <> excluded.definition

-- name: due_schedules
-- Where a schedule ticks by now.
SELECT workspace_id, plugin, name FROM cdp.schedules_due($1) ORDER BY workspace_id, plugin, name

-- name: hold_schedule
-- The schedule, for one process at a time; no row: another one has it.
SELECT definition, next_at FROM schedule WHERE workspace_id = $1 AND plugin = $2 AND name = $3 AND next_at <= $4
FOR UPDATE SKIP LOCKED

-- name: move_schedule
-- It has ticked.
UPDATE schedule SET next_at = $4, last_at = coalesce($5, last_at), last_job_id = coalesce($6, last_job_id)
WHERE workspace_id = $1 AND plugin = $2 AND name = $3
