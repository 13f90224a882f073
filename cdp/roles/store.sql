-- name: current_claims
-- Inferred claims that stand for these profiles; those of a profile that is merged end with the merge.
SELECT c.claim_id, c.profile_id, c.account_id, c.role, c.source, c.confidence, c.evidence
FROM role_claim c
WHERE c.workspace_id = $1 AND c.until IS NULL AND c.profile_id = ANY ($2::bigint[])
ORDER BY c.claim_id

-- name: insert_claims
-- Claims that begin; one that was held before begins again no earlier than it ended.
INSERT INTO role_claim (workspace_id, profile_id, account_id, role, source, confidence, evidence, since)
SELECT $1, n.profile_id, n.account_id, n.role, n.source, n.confidence, n.evidence::jsonb,
       greatest(n.since, (SELECT max(c.until) FROM role_claim c
                          WHERE c.workspace_id = $1 AND c.profile_id = n.profile_id AND c.account_id = n.account_id
                            AND c.role = n.role AND c.source = n.source))
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::timestamptz[])
     AS n (profile_id, account_id, role, source, confidence, evidence, since)
ORDER BY n.profile_id, n.account_id, n.role, n.source
ON CONFLICT (workspace_id, profile_id, account_id, role, source) WHERE until IS NULL DO NOTHING

-- name: end_claims
-- Claims that nobody makes any more; they stay as history.
UPDATE role_claim
SET until = greatest(since, $3)
WHERE workspace_id = $1 AND claim_id = ANY ($2::bigint[]) AND until IS NULL

-- name: revise_claims
-- Claims that stand on other grounds than before.
UPDATE role_claim c
SET confidence = n.confidence, evidence = n.evidence::jsonb
FROM unnest($2::bigint[], $3::float8[], $4::text[]) AS n (claim_id, confidence, evidence)
WHERE c.workspace_id = $1 AND c.claim_id = n.claim_id AND c.until IS NULL

-- name: current_roles
-- Roles in force at $4 in these memberships, inferred and asserted.
SELECT p.profile_id, p.account_id, c.role, c.confidence, c.source, c.evidence, NULL::text AS note, c.since, c.until
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN role_claim c ON c.workspace_id = $1 AND c.profile_id = p.profile_id AND c.account_id = p.account_id
                 AND c.since <= $4 AND c.until IS NULL
UNION ALL
SELECT p.profile_id, p.account_id, a.role, 1.0, 'human:' || a.asserted_by, NULL, a.note, a.since, a.until
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN node n ON n.workspace_id = $1 AND n.profile_id = p.profile_id
JOIN role_assertion a ON a.workspace_id = $1 AND a.node_id = n.node_id AND a.account_id = p.account_id
                     AND a.since <= $4 AND (a.until IS NULL OR a.until > $4)
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
