-- name: report
-- What was asked and paid, by provider and currency, from $2 to $3.
SELECT t.provider, t.currency, sum(t.calls)::bigint AS calls, sum(t.hits)::bigint AS hits,
       sum(t.misses)::bigint AS misses, sum(t.failures)::bigint AS failures, sum(t.cached)::bigint AS cached,
       sum(t.cost) AS cost
FROM enrichment_tally t
WHERE t.workspace_id = $1 AND t.on_day BETWEEN $2 AND $3
GROUP BY t.provider, t.currency
ORDER BY t.provider, t.currency

-- name: providers
-- Providers that failed lately, or are left alone.
SELECT provider, failures_in_row, blocked_until FROM enrichment_provider WHERE workspace_id = $1 ORDER BY provider

-- name: start_backfill
-- A backfill without subjects so far.
INSERT INTO enrichment_backfill (workspace_id, subject, asked_by, started_at) VALUES ($1, $2, $3, $4)
RETURNING backfill_id

-- name: add_subjects
-- Subjects of a backfill; they wait behind those that were just touched.
WITH added AS (
    INSERT INTO enrichment_backfill_subject (workspace_id, backfill_id, subject_id)
    SELECT $1, $2, n.subject_id FROM unnest($4::bigint[]) AS n (subject_id)
    ON CONFLICT (workspace_id, backfill_id, subject_id) DO NOTHING
    RETURNING subject_id
), queued AS (
    INSERT INTO enrichment_queue AS q (workspace_id, subject, subject_id, rank, due_at, backfill_id)
    SELECT $1, $3, a.subject_id, 1, $5, $2 FROM added a ORDER BY a.subject_id
    ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE
    SET version = q.version + 1, backfill_id = coalesce(q.backfill_id, excluded.backfill_id)
)
UPDATE enrichment_backfill b SET total = b.total + (SELECT count(*) FROM added)
WHERE b.workspace_id = $1 AND b.backfill_id = $2

-- name: backfills
-- Backfills, the latest first, with how far they are; $2: one of them, or null.
SELECT b.backfill_id, b.subject, b.asked_by, b.started_at, b.total, b.cancelled_at,
       (SELECT count(*) FROM enrichment_backfill_subject s
        WHERE s.workspace_id = $1 AND s.backfill_id = b.backfill_id AND s.done_at IS NOT NULL) AS done,
       (SELECT max(s.done_at) FROM enrichment_backfill_subject s
        WHERE s.workspace_id = $1 AND s.backfill_id = b.backfill_id) AS last_at
FROM enrichment_backfill b
WHERE b.workspace_id = $1 AND ($2::bigint IS NULL OR b.backfill_id = $2)
ORDER BY b.backfill_id DESC LIMIT 100

-- name: backfill_costs
-- What backfills have cost, calls that are under way included.
SELECT c.backfill_id, c.currency, sum(coalesce(c.cost, c.reserved)) AS cost
FROM enrichment_call c
WHERE c.workspace_id = $1 AND c.backfill_id = ANY ($2::bigint[])
GROUP BY c.backfill_id, c.currency
HAVING sum(coalesce(c.cost, c.reserved)) > 0
ORDER BY c.backfill_id, c.currency

-- name: cancel_backfill
-- A backfill that goes no further.
UPDATE enrichment_backfill SET cancelled_at = $3
WHERE workspace_id = $1 AND backfill_id = $2 AND cancelled_at IS NULL
RETURNING backfill_id

-- name: drop_waiting
-- Subjects that wait for nothing but a backfill, and are not being asked about.
DELETE FROM enrichment_queue
WHERE workspace_id = $1 AND backfill_id = $2 AND rank = 1 AND (claimed_until IS NULL OR claimed_until <= now())
