-- name: claims
-- What plugins claim, and claimed, of a person within an account, also while either was known as another; latest first.
SELECT c.claim_id, c.role, c.source, c.confidence, c.evidence, c.since, c.valid_until, c.until
FROM role_claim c
WHERE c.workspace_id = $1
  AND c.profile_id = ANY (ARRAY(SELECT p.profile_id FROM profile p WHERE p.workspace_id = $1
                                AND (p.profile_id = $2 OR p.merged_into = $2)))
  AND (c.account_id = $3
       OR c.account_id = ANY (ARRAY(SELECT a.account_id FROM account a
                                    WHERE a.workspace_id = $1 AND a.merged_into = $3)))
ORDER BY c.claim_id DESC
LIMIT $4

-- name: revisions
-- How these claims read before, the latest first.
SELECT r.claim_id, r.confidence, r.evidence, r.replaced_at
FROM role_revision r
WHERE r.workspace_id = $1 AND r.claim_id = ANY ($2::bigint[])
ORDER BY r.claim_id, r.revision_id DESC

-- name: words
-- What people said of these memberships, for and against roles.
SELECT p.profile_id, p.account_id, a.role, a.asserted_by AS said_by, a.note, a.since, a.until, false AS against
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN node n ON n.workspace_id = $1 AND n.profile_id = p.profile_id
JOIN role_assertion a ON a.workspace_id = $1 AND a.node_id = n.node_id AND a.account_id = p.account_id
UNION ALL
SELECT p.profile_id, p.account_id, d.role, d.denied_by, d.note, d.since, d.until, true
FROM unnest($2::bigint[], $3::bigint[]) AS p (profile_id, account_id)
JOIN node n ON n.workspace_id = $1 AND n.profile_id = p.profile_id
JOIN role_denial d ON d.workspace_id = $1 AND d.node_id = n.node_id AND d.account_id = p.account_id
ORDER BY profile_id, account_id, since, role, said_by

-- name: people
-- How many people there are.
SELECT count(*) FROM profile WHERE workspace_id = $1 AND merged_into IS NULL

-- name: everybody
-- All of them.
SELECT profile_id FROM profile WHERE workspace_id = $1 AND merged_into IS NULL ORDER BY profile_id

-- name: sample
-- At most $2 of them, spread evenly over the order in which they became known.
SELECT DISTINCT one.profile_id
FROM (SELECT min(p.profile_id) AS low, max(p.profile_id) AS high FROM profile p WHERE p.workspace_id = $1) ends
CROSS JOIN generate_series(0, $2::bigint - 1) AS g (place)
CROSS JOIN LATERAL (
    SELECT p.profile_id FROM profile p
    WHERE p.workspace_id = $1 AND p.merged_into IS NULL
      AND p.profile_id >= ends.low + (ends.high - ends.low) * g.place / $2::bigint
    ORDER BY p.profile_id LIMIT 1) one
ORDER BY one.profile_id
