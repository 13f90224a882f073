-- name: workspaces
-- Where something is due.
SELECT workspace_id FROM cdp.workspaces_to_enrich($1)

-- name: note_people
-- Has people ($2) enriched about whom one of the providers ($4) has not been asked, or is due again.
INSERT INTO enrichment_queue AS q (workspace_id, subject, subject_id, due_at)
SELECT $1, 'PERSON', p.profile_id, $3 FROM unnest($2::bigint[]) AS p (profile_id)
WHERE EXISTS (
    SELECT FROM node n CROSS JOIN unnest($4::text[]) AS s (provider)
    WHERE n.workspace_id = $1 AND n.profile_id = p.profile_id
      AND NOT EXISTS (SELECT FROM enrichment_asked a
                      WHERE a.workspace_id = $1 AND a.node_id = n.node_id AND a.provider = s.provider AND a.due_at > $3))
ORDER BY p.profile_id
ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE
SET version = q.version + 1, due_at = least(q.due_at, excluded.due_at), rank = 0

-- name: note_accounts_of
-- Has the accounts of people ($2) enriched about which one of the providers ($4) has not been asked, or is due again.
INSERT INTO enrichment_queue AS q (workspace_id, subject, subject_id, due_at)
SELECT $1, 'ACCOUNT', a.account_id, $3 FROM account a
WHERE a.workspace_id = $1 AND a.merged_into IS NULL
  AND a.account_id IN (SELECT m.account_id FROM membership m
                       WHERE m.workspace_id = $1 AND m.profile_id = ANY ($2::bigint[]))
  AND EXISTS (
      SELECT FROM unnest($4::text[]) AS s (provider)
      WHERE NOT EXISTS (
          SELECT FROM account_enrichment_asked k
          WHERE k.workspace_id = $1 AND k.provider = s.provider AND k.due_at > $3 AND k.account_id = a.account_id))
ORDER BY a.account_id
ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE
SET version = q.version + 1, due_at = least(q.due_at, excluded.due_at), rank = 0

-- name: note_due_accounts
-- Has accounts enriched whose answers are due again, and forgets that they were asked about.
WITH due AS (
    DELETE FROM account_enrichment_asked k
    WHERE k.workspace_id = $1 AND (k.account_id, k.provider) IN (
        SELECT o.account_id, o.provider FROM account_enrichment_asked o
        WHERE o.workspace_id = $1 AND o.due_at <= $2 ORDER BY o.due_at LIMIT $3)
    RETURNING k.account_id
)
INSERT INTO enrichment_queue AS q (workspace_id, subject, subject_id, due_at)
SELECT DISTINCT $1::bigint, 'ACCOUNT', coalesce(a.merged_into, a.account_id), $2::timestamptz
FROM due JOIN account a ON a.workspace_id = $1 AND a.account_id = due.account_id
ORDER BY 3
ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE
SET version = q.version + 1, due_at = least(q.due_at, excluded.due_at)

-- name: claim
-- Takes subjects that are due and that no other worker holds, for $4 seconds, in the name of $5.
WITH due AS (
    SELECT q.subject, q.subject_id FROM enrichment_queue q
    WHERE q.workspace_id = $1 AND q.due_at <= $2 AND (q.claimed_until IS NULL OR q.claimed_until <= now())
    ORDER BY q.rank, q.due_at, q.subject, q.subject_id
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE enrichment_queue q
SET claimed_until = now() + make_interval(secs => $4::float8), claimed_by = $5, attempts = q.attempts + 1
FROM due
WHERE q.workspace_id = $1 AND q.subject = due.subject AND q.subject_id = due.subject_id
RETURNING q.subject, q.subject_id, q.version, q.attempts, q.backfill_id

-- name: renew
-- Keeps all that $2 holds for $3 seconds more.
WITH mine AS (
    SELECT q.subject, q.subject_id FROM enrichment_queue q
    WHERE q.workspace_id = $1 AND q.claimed_by = $2
    ORDER BY q.subject, q.subject_id
    FOR UPDATE
)
UPDATE enrichment_queue q SET claimed_until = now() + make_interval(secs => $3::float8)
FROM mine
WHERE q.workspace_id = $1 AND q.subject = mine.subject AND q.subject_id = mine.subject_id

-- name: hold
-- Those of the subjects ($3, $4) that $2 still holds; nobody can take them until this transaction ends.
SELECT q.subject_id FROM enrichment_queue q
WHERE q.workspace_id = $1 AND q.claimed_by = $2 AND q.subject = $3 AND q.subject_id = ANY ($4::bigint[])
ORDER BY q.subject_id
FOR UPDATE

-- name: finish
-- Subjects that nobody has noted since they were claimed are done.
DELETE FROM enrichment_queue q
USING unnest($3::text[], $4::bigint[], $5::bigint[]) AS n (subject, subject_id, version)
WHERE q.workspace_id = $1 AND q.claimed_by = $2 AND q.subject = n.subject AND q.subject_id = n.subject_id
  AND q.version = n.version

-- name: done
-- Backfills that wanted these subjects have them.
UPDATE enrichment_backfill_subject s
SET done_at = $2
FROM enrichment_backfill b, unnest($3::text[], $4::bigint[]) AS n (subject, subject_id)
WHERE s.workspace_id = $1 AND b.workspace_id = $1 AND s.backfill_id = b.backfill_id AND b.subject = n.subject
  AND s.subject_id = n.subject_id AND s.done_at IS NULL

-- name: postpone
-- Subjects that are to be looked at again: at a time, or at once where they were noted meanwhile.
UPDATE enrichment_queue q
SET claimed_until = NULL, claimed_by = NULL, attempts = n.attempts,
    due_at = CASE WHEN q.version = n.version THEN n.due_at ELSE least(q.due_at, n.due_at) END
FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
     AS n (subject, subject_id, version, attempts, due_at)
WHERE q.workspace_id = $1 AND q.claimed_by = $2 AND q.subject = n.subject AND q.subject_id = n.subject_id

-- name: release
-- Whatever $2 still holds is anybody's.
UPDATE enrichment_queue SET claimed_until = NULL, claimed_by = NULL, attempts = 0
WHERE workspace_id = $1 AND claimed_by = $2
