-- name: begin
-- From now on changes are told in this workspace; the answer is since when they have been.
WITH begun AS (
    INSERT INTO portrait_since (workspace_id, since) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING since
)
SELECT since FROM begun
UNION ALL
SELECT s.since FROM portrait_since s WHERE s.workspace_id = $1
LIMIT 1

-- name: portraits
-- How these people stood, and whoever went into them since.
SELECT p.profile_id, p.created_at, p.merged_into, o.state, o.fades_at
FROM profile p
LEFT JOIN portrait o ON o.workspace_id = $1 AND o.profile_id = p.profile_id
WHERE p.workspace_id = $1
  AND (p.profile_id = ANY ($2::bigint[])
       OR p.merged_into = ANY ($2::bigint[]) AND o.profile_id IS NOT NULL)
ORDER BY p.profile_id

-- name: keep_portraits
-- How these people stand now.
INSERT INTO portrait AS o (workspace_id, profile_id, state, noted_at, fades_at)
SELECT $1, n.profile_id, n.state::jsonb, $5, n.fades_at
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS n (profile_id, state, fades_at)
ORDER BY n.profile_id
ON CONFLICT (workspace_id, profile_id) DO UPDATE
SET state = excluded.state, noted_at = excluded.noted_at, fades_at = excluded.fades_at

-- name: faded
-- People whom time alone has moved, or may have, each once.
UPDATE portrait SET fades_at = NULL
WHERE workspace_id = $1 AND profile_id IN (
    SELECT o.profile_id FROM portrait o
    WHERE o.workspace_id = $1 AND o.fades_at <= $2 ORDER BY o.fades_at LIMIT $3)
RETURNING profile_id

-- name: drop_portraits
-- These people went into others, and that has been noted.
DELETE FROM portrait WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])

-- name: note
-- What is to be told. Of a thing that waits already the first «before» and the last «after» are told; what is told at
-- this moment is told again as it has become.
INSERT INTO change_delivery AS d
    (workspace_id, plugin, profile_id, hook, subject, about, before, after, noted_at, due_at)
SELECT $1, n.plugin, n.profile_id, n.hook, n.subject, n.about::jsonb, n.before::jsonb, n.after::jsonb, $9, $9
FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    WITH ORDINALITY AS n (plugin, profile_id, hook, subject, about, before, after, place)
ORDER BY n.place
ON CONFLICT (workspace_id, plugin, profile_id, hook, subject) DO UPDATE
SET about = excluded.about, after = excluded.after, version = d.version + 1, state = 'WAITING',
    attempts = CASE WHEN d.state = 'DEAD' THEN 0 ELSE d.attempts END,
    due_at = CASE WHEN d.state = 'DEAD' THEN excluded.due_at ELSE d.due_at END

-- name: forget_undone
-- What came and went before anybody was told is no change.
DELETE FROM change_delivery
WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[]) AND before IS NOT DISTINCT FROM after
  AND claimed_by IS NULL

-- name: wake
-- Deliverers of every process are woken when the transaction commits.
SELECT pg_notify('cdp_background', '')

-- name: waiting
-- What waits for which plugin, over all workspaces.
SELECT workspace_id, plugin, waiting, dead, oldest, next_due FROM cdp.changes_to_tell() ORDER BY next_due NULLS LAST

-- name: turn
-- One claimer at a time of a plugin's deliveries, until the transaction ends; otherwise two could share a person.
SELECT pg_advisory_xact_lock(hashtextextended('cdp.change_delivery:' || $1::bigint || ':' || $2::text, 0))

-- name: claim
-- Takes for $5 seconds, in the name of $6, what is due, except where something earlier of the same person is not.
WITH due AS MATERIALIZED (
    SELECT d.delivery_id FROM change_delivery d
    WHERE d.workspace_id = $1 AND d.plugin = $2 AND d.state = 'WAITING' AND (d.due_at <= $3 OR d.due_at <= d.noted_at)
      AND (d.claimed_until IS NULL OR d.claimed_until <= now())
      -- Asked row by row, since as an anti-join it would read all that waits for the few that are taken.
      AND (SELECT true FROM change_delivery e
           WHERE e.workspace_id = $1 AND e.plugin = $2 AND e.profile_id BETWEEN d.profile_id AND d.profile_id
             AND e.state = 'WAITING' AND e.delivery_id < d.delivery_id
             AND (e.due_at > $3 AND e.due_at > e.noted_at OR e.claimed_until > now())
           ORDER BY e.profile_id LIMIT 1) IS NULL
    ORDER BY d.delivery_id
    LIMIT $4
)
UPDATE change_delivery d
SET claimed_until = now() + make_interval(secs => $5::float8), claimed_by = $6
WHERE d.workspace_id = $1 AND d.delivery_id = ANY (ARRAY(SELECT w.delivery_id FROM due w))
RETURNING d.delivery_id, d.profile_id, d.hook, d.version, d.attempts, d.about, d.before, d.after, d.noted_at

-- name: told
-- These were told as they stood. One that has changed since is told from there on, in the place of a new one.
WITH done AS (
    SELECT t.delivery_id, t.version FROM unnest($2::bigint[], $3::bigint[]) AS t (delivery_id, version)
), gone AS (
    DELETE FROM change_delivery d USING done
    WHERE d.workspace_id = $1 AND d.delivery_id = done.delivery_id AND d.version = done.version AND d.claimed_by = $5
)
UPDATE change_delivery d
SET before = told.after::jsonb, claimed_until = NULL, claimed_by = NULL, attempts = 0, error = NULL, failed_at = NULL,
    noted_at = $6, due_at = $6, delivery_id = DEFAULT
FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS told (delivery_id, version, after)
WHERE d.workspace_id = $1 AND d.delivery_id = told.delivery_id AND d.version > told.version AND d.claimed_by = $5

-- name: failed
-- These were not told: they wait, or, having been tried often enough, are left to a person. What was not even tried
-- comes with no error and keeps its count.
UPDATE change_delivery d
SET claimed_until = NULL, claimed_by = NULL, attempts = d.attempts + (f.error IS NOT NULL)::int,
    error = coalesce(f.error, d.error), failed_at = CASE WHEN f.error IS NULL THEN d.failed_at ELSE $6 END,
    due_at = f.due_at,
    state = CASE WHEN f.error IS NOT NULL AND d.attempts + 1 >= $7 THEN 'DEAD' ELSE 'WAITING' END
FROM unnest($2::bigint[], $3::timestamptz[], $4::text[]) AS f (delivery_id, due_at, error)
WHERE d.workspace_id = $1 AND d.delivery_id = f.delivery_id AND d.claimed_by = $5

-- name: retry
-- Dead deliveries, and those that wait for another try, are told at once: one ($2), or all of a plugin ($3), or all.
UPDATE change_delivery
SET state = 'WAITING', attempts = 0, due_at = $4
WHERE workspace_id = $1 AND ($2::bigint IS NULL OR delivery_id = $2) AND ($3::text IS NULL OR plugin = $3)
  AND (state = 'DEAD' OR attempts > 0)
RETURNING delivery_id

-- name: discard
-- Deliveries that nobody is to be told of any more: one ($2), or all of a plugin ($3).
DELETE FROM change_delivery
WHERE workspace_id = $1 AND ($2::bigint IS NULL OR delivery_id = $2) AND ($3::text IS NULL OR plugin = $3)
  AND ($2::bigint IS NOT NULL OR $3::text IS NOT NULL)
RETURNING delivery_id

-- name: deliveries
-- What waits and what is dead, in the order in which it is told.
SELECT delivery_id, plugin, profile_id, hook, state, attempts, noted_at, due_at, error, failed_at
FROM change_delivery
WHERE workspace_id = $1 AND ($2::text IS NULL OR plugin = $2) AND ($3::text IS NULL OR state = $3)
ORDER BY delivery_id
LIMIT $4
