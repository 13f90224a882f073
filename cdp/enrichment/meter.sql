-- name: lock_provider
-- The provider's row, made where there is none, locked until the transaction ends.
INSERT INTO enrichment_provider AS p (workspace_id, provider) VALUES ($1, $2)
ON CONFLICT (workspace_id, provider) DO UPDATE SET failures_in_row = p.failures_in_row
RETURNING failures_in_row, blocked_until

-- name: clock
-- What the database's clock says: the one that all processes go by.
SELECT clock_timestamp()

-- name: lose
-- Calls whose process did not come back: they count as made, and as paid.
WITH lost AS (
    UPDATE enrichment_call c SET outcome = 'LOST', cost = c.reserved, ended_at = c.lease_until
    WHERE c.workspace_id = $1 AND c.provider = $2 AND c.ended_at IS NULL AND c.lease_until < $3
    RETURNING c.currency, c.reserved, (c.started_at AT TIME ZONE 'UTC')::date AS on_day
)
INSERT INTO enrichment_tally AS t (workspace_id, provider, currency, on_day, calls, failures, cost)
SELECT $1, $2, l.currency, l.on_day, count(*), count(*), sum(l.reserved) FROM lost l
GROUP BY l.currency, l.on_day ORDER BY l.currency, l.on_day
ON CONFLICT (workspace_id, provider, currency, on_day) DO UPDATE
SET calls = t.calls + excluded.calls, failures = t.failures + excluded.failures, cost = t.cost + excluded.cost

-- name: standing
-- Calls of the provider that are under way, and those that ended after $3.
SELECT (SELECT count(*) FROM enrichment_call c
        WHERE c.workspace_id = $1 AND c.provider = $2 AND c.ended_at IS NULL) AS under_way,
       count(*) AS recent, min(c.ended_at) AS oldest_end
FROM enrichment_call c
WHERE c.workspace_id = $1 AND c.provider = $2 AND c.ended_at > $3

-- name: lock_budget
-- The budget of a currency, locked: nobody else can reserve in it until the transaction ends.
SELECT per_day, per_subject FROM enrichment_budget WHERE workspace_id = $1 AND currency = $2 FOR UPDATE

-- name: spent
-- What has been spent and reserved in a currency on a day.
SELECT amount FROM enrichment_spend WHERE workspace_id = $1 AND currency = $2 AND on_day = $3

-- name: spent_on
-- What has been spent and reserved on subjects ($5) since $4, by any of the ids that each goes by ($6).
SELECT f.subject_id, sum(coalesce(c.cost, c.reserved)) AS amount
FROM unnest($5::bigint[], $6::bigint[]) AS f (subject_id, member_id)
JOIN enrichment_call c ON c.workspace_id = $1 AND c.subject = $2 AND c.subject_id = f.member_id
    AND c.currency = $3 AND c.started_at >= $4
GROUP BY f.subject_id

-- name: reserve
-- Writes calls down before they are made; none where one about the subject is under way.
INSERT INTO enrichment_call
    (workspace_id, provider, subject, subject_id, backfill_id, currency, reserved, started_at, lease_until)
SELECT $1, $2, $3, n.subject_id, n.backfill_id, $4, $5, $6, $7
FROM unnest($8::bigint[], $9::bigint[]) AS n (subject_id, backfill_id)
ORDER BY n.subject_id
ON CONFLICT (workspace_id, provider, subject, subject_id) WHERE ended_at IS NULL DO NOTHING
RETURNING call_id, subject_id

-- name: spend
-- Adds to what was spent on a day.
INSERT INTO enrichment_spend AS s (workspace_id, currency, on_day, amount) VALUES ($1, $2, $3, $4)
ON CONFLICT (workspace_id, currency, on_day) DO UPDATE SET amount = s.amount + excluded.amount

-- name: end
-- Writes down how calls ended; one that was taken for lost meanwhile stays so.
UPDATE enrichment_call c
SET outcome = n.outcome, cost = n.cost, ended_at = $2
FROM unnest($3::bigint[], $4::text[], $5::numeric[]) AS n (call_id, outcome, cost)
WHERE c.workspace_id = $1 AND c.call_id = n.call_id AND c.ended_at IS NULL
RETURNING c.currency, (c.started_at AT TIME ZONE 'UTC')::date AS on_day, c.reserved, c.cost, c.outcome

-- name: withdraw
-- Takes back calls that were not made after all.
DELETE FROM enrichment_call c
WHERE c.workspace_id = $1 AND c.call_id = ANY ($2::bigint[]) AND c.ended_at IS NULL
RETURNING c.currency, (c.started_at AT TIME ZONE 'UTC')::date AS on_day, c.reserved

-- name: give_back
-- What was reserved and not spent is free again.
UPDATE enrichment_spend s
SET amount = s.amount - n.amount
FROM unnest($2::text[], $3::date[], $4::numeric[]) AS n (currency, on_day, amount)
WHERE s.workspace_id = $1 AND s.currency = n.currency AND s.on_day = n.on_day

-- name: note_provider
-- How the provider did: answered at least once, or so many failures more; and until when it is to be left alone.
UPDATE enrichment_provider p
SET failures_in_row = CASE WHEN $3::boolean THEN 0 ELSE p.failures_in_row + $4 END,
    blocked_until = greatest(
        CASE WHEN $3::boolean THEN NULL
             WHEN p.failures_in_row + $4 >= $5 THEN $6::timestamptz
             ELSE p.blocked_until END,
        $7::timestamptz)
WHERE p.workspace_id = $1 AND p.provider = $2

-- name: tally
-- Adds to the figures of the report.
INSERT INTO enrichment_tally AS t
    (workspace_id, provider, currency, on_day, calls, hits, misses, failures, cached, cost)
SELECT $1, n.provider, n.currency, $2, n.calls, n.hits, n.misses, n.failures, n.cached, n.cost
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::numeric[])
     AS n (provider, currency, calls, hits, misses, failures, cached, cost)
ORDER BY n.provider, n.currency
ON CONFLICT (workspace_id, provider, currency, on_day) DO UPDATE
SET calls = t.calls + excluded.calls, hits = t.hits + excluded.hits, misses = t.misses + excluded.misses,
    failures = t.failures + excluded.failures, cached = t.cached + excluded.cached, cost = t.cost + excluded.cost

-- name: forget_calls
-- Calls that no limit, budget or backfill asks for any more, the oldest first; the report keeps their figures.
DELETE FROM enrichment_call c
WHERE c.workspace_id = $1 AND c.call_id IN (
    SELECT o.call_id FROM enrichment_call o
    WHERE o.workspace_id = $1 AND o.ended_at < $2
    ORDER BY o.call_id LIMIT $3)
