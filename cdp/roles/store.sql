-- name: current_claims
-- Inferred claims that stand for these profiles; those of a profile that is merged end with the merge.
SELECT c.claim_id, c.profile_id, c.account_id, c.role, c.source, c.confidence, c.evidence, c.valid_until
FROM role_claim c
WHERE c.workspace_id = $1 AND c.until IS NULL AND c.profile_id = ANY ($2::bigint[])
ORDER BY c.claim_id

-- name: insert_claims
-- Claims that begin; one that was held before begins again no earlier than it ended.
INSERT INTO role_claim (workspace_id, profile_id, account_id, role, source, confidence, evidence, since, valid_until)
SELECT $1, n.profile_id, n.account_id, n.role, n.source, n.confidence, n.evidence::jsonb,
       greatest(n.since, (SELECT max(c.until) FROM role_claim c
                          WHERE c.workspace_id = $1 AND c.profile_id = n.profile_id AND c.account_id = n.account_id
                            AND c.role = n.role AND c.source = n.source)), n.valid_until
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::timestamptz[],
            $9::timestamptz[])
     AS n (profile_id, account_id, role, source, confidence, evidence, since, valid_until)
ORDER BY n.profile_id, n.account_id, n.role, n.source
ON CONFLICT (workspace_id, profile_id, account_id, role, source) WHERE until IS NULL DO NOTHING

-- name: end_claims
-- Claims that nobody makes any more; they stay as history. One whose time was over before ended then.
UPDATE role_claim
SET until = greatest(since, least($3, valid_until))
WHERE workspace_id = $1 AND claim_id = ANY ($2::bigint[]) AND until IS NULL

-- name: revise_claims
-- Claims that stand on other grounds than before; how they read until now is kept.
WITH before AS (
    INSERT INTO role_revision (workspace_id, claim_id, confidence, evidence, replaced_at)
    SELECT $1, c.claim_id, c.confidence, c.evidence, $6 FROM role_claim c
    WHERE c.workspace_id = $1 AND c.claim_id = ANY ($2::bigint[]) AND c.until IS NULL
    ORDER BY c.claim_id
)
UPDATE role_claim c
SET confidence = n.confidence, evidence = n.evidence::jsonb, valid_until = n.valid_until
FROM unnest($2::bigint[], $3::float8[], $4::text[], $5::timestamptz[])
     AS n (claim_id, confidence, evidence, valid_until)
WHERE c.workspace_id = $1 AND c.claim_id = n.claim_id AND c.until IS NULL

-- name: trim_revisions
-- Keeps the latest $3 revisions of each of these claims.
DELETE FROM role_revision r
USING (SELECT v.claim_id, v.revision_id, row_number() OVER (PARTITION BY v.claim_id ORDER BY v.revision_id DESC) AS place
       FROM role_revision v WHERE v.workspace_id = $1 AND v.claim_id = ANY ($2::bigint[])) old
WHERE r.workspace_id = $1 AND r.claim_id = old.claim_id AND r.revision_id = old.revision_id AND old.place > $3::int

-- name: extend_claims
-- Claims that hold for longer, or shorter, than was said before, on the same grounds.
UPDATE role_claim c
SET valid_until = n.valid_until
FROM unnest($2::bigint[], $3::timestamptz[]) AS n (claim_id, valid_until)
WHERE c.workspace_id = $1 AND c.claim_id = n.claim_id AND c.until IS NULL

-- name: current_roles
-- Roles in force at $4 in these memberships, inferred and asserted. What somebody denies is not inferred, and of two
-- people the later word stands.
SELECT p.profile_id, p.account_id, c.role, c.confidence, c.source, c.evidence, NULL::text AS note, c.since,
       c.valid_until AS until
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN role_claim c ON c.workspace_id = $1 AND c.profile_id = p.profile_id AND c.account_id = p.account_id
                 AND c.since <= $4 AND c.until IS NULL AND (c.valid_until IS NULL OR c.valid_until > $4)
WHERE NOT EXISTS (
    SELECT FROM node n JOIN role_denial d ON d.workspace_id = $1 AND d.node_id = n.node_id
    WHERE n.workspace_id = $1 AND n.profile_id = p.profile_id AND d.account_id = p.account_id AND d.role = c.role
      AND d.since <= $4 AND (d.until IS NULL OR d.until > $4))
UNION ALL
SELECT p.profile_id, p.account_id, a.role, 1.0, 'human:' || a.asserted_by, NULL, a.note, a.since, a.until
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN node n ON n.workspace_id = $1 AND n.profile_id = p.profile_id
JOIN role_assertion a ON a.workspace_id = $1 AND a.node_id = n.node_id AND a.account_id = p.account_id
                     AND a.since <= $4 AND (a.until IS NULL OR a.until > $4)
WHERE NOT EXISTS (
    SELECT FROM node o JOIN role_denial d ON d.workspace_id = $1 AND d.node_id = o.node_id
    WHERE o.workspace_id = $1 AND o.profile_id = p.profile_id AND d.account_id = p.account_id AND d.role = a.role
      AND d.since > a.since AND d.since <= $4 AND (d.until IS NULL OR d.until > $4))
ORDER BY profile_id, account_id, role, source, since

-- name: membership_nodes
-- The identifiers of a person who has this membership; none: there is no such membership.
SELECT n.node_id, n.kind, n.value
FROM membership m
JOIN node n ON n.workspace_id = $1 AND n.profile_id = m.profile_id
WHERE m.workspace_id = $1 AND m.profile_id = $2 AND m.account_id = $3
ORDER BY n.node_id

-- name: standing_assertions
-- What people have asserted of one role within one account about any of these nodes, and has not ended.
SELECT assertion_id, note, asserted_by, since, until
FROM role_assertion
WHERE workspace_id = $1 AND node_id = ANY ($2::bigint[]) AND account_id = $3 AND role = $4
  AND (until IS NULL OR until > $5)
ORDER BY assertion_id
FOR UPDATE

-- name: insert_assertion
-- A person says that somebody holds a role.
INSERT INTO role_assertion (workspace_id, node_id, account_id, role, note, asserted_by, since, until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING assertion_id

-- name: change_assertions
-- A person says when it ends, or says it with other words.
UPDATE role_assertion
SET until = $3, note = coalesce($4, note)
WHERE workspace_id = $1 AND assertion_id = ANY ($2::bigint[])

-- name: standing_denials
-- What people have said against one role within one account about any of these nodes, and has not ended.
SELECT denial_id FROM role_denial
WHERE workspace_id = $1 AND node_id = ANY ($2::bigint[]) AND account_id = $3 AND role = $4
  AND (until IS NULL OR until > $5)
ORDER BY denial_id
FOR UPDATE

-- name: insert_denial
-- A person says that somebody does not hold a role.
INSERT INTO role_denial (workspace_id, node_id, account_id, role, note, denied_by, since, until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING denial_id

-- name: change_denials
-- A person says when it ends, or says it with other words.
UPDATE role_denial
SET until = $3, note = coalesce($4, note)
WHERE workspace_id = $1 AND denial_id = ANY ($2::bigint[])

-- name: note_due
-- When time alone may change these people's roles next: a claim or points end ($4, $5), a person's word or a membership.
WITH ends AS (
    SELECT p.profile_id, one.at FROM unnest($2::bigint[]) AS p (profile_id)
    CROSS JOIN LATERAL (
        SELECT m.until AS at FROM membership m
        WHERE m.workspace_id = $1 AND m.profile_id = p.profile_id AND m.until > $3 OFFSET 0) one
    UNION ALL
    SELECT e.profile_id, e.at FROM unnest($4::bigint[], $5::timestamptz[]) AS e (profile_id, at)
    UNION ALL
    SELECT n.profile_id, one.at FROM node n
    CROSS JOIN LATERAL (
        SELECT a.until AS at FROM role_assertion a
        WHERE a.workspace_id = $1 AND a.node_id = n.node_id AND a.until > $3
        UNION ALL
        SELECT d.until FROM role_denial d
        WHERE d.workspace_id = $1 AND d.node_id = n.node_id AND d.until > $3
        OFFSET 0) one
    WHERE n.workspace_id = $1 AND n.profile_id = ANY ($2::bigint[])
), due AS (
    SELECT e.profile_id, min(e.at) AS due_at FROM ends e GROUP BY e.profile_id
), over AS (
    DELETE FROM role_due r
    WHERE r.workspace_id = $1 AND r.profile_id = ANY ($2::bigint[])
      AND NOT EXISTS (SELECT FROM due WHERE due.profile_id = r.profile_id)
)
INSERT INTO role_due AS r (workspace_id, profile_id, due_at)
SELECT $1, due.profile_id, due.due_at FROM due ORDER BY due.profile_id
ON CONFLICT (workspace_id, profile_id) DO UPDATE SET due_at = excluded.due_at
WHERE r.due_at <> excluded.due_at

-- name: take_due
-- People whose roles time may have changed; they are settled next, which says when they are due again.
DELETE FROM role_due r
WHERE r.workspace_id = $1 AND r.profile_id IN (
    SELECT d.profile_id FROM role_due d
    WHERE d.workspace_id = $1 AND d.due_at <= $2
    ORDER BY d.due_at, d.profile_id LIMIT $3
    FOR UPDATE SKIP LOCKED)
RETURNING r.profile_id

-- name: accounts_seen
-- What resolvers were last told of these accounts.
SELECT account_id, digest FROM role_account_seen
WHERE workspace_id = $1 AND account_id = ANY ($2::bigint[])
ORDER BY account_id

-- name: note_accounts
-- What resolvers are told of these accounts from now on.
INSERT INTO role_account_seen (workspace_id, account_id, digest)
SELECT $1, n.account_id, n.digest FROM unnest($2::bigint[], $3::text[]) AS n (account_id, digest)
ORDER BY n.account_id
ON CONFLICT (workspace_id, account_id) DO UPDATE SET digest = excluded.digest
WHERE role_account_seen.digest <> excluded.digest
