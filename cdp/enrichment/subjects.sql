-- name: people
-- People that are none of another's past, with their own traits.
SELECT p.profile_id, p.traits,
       array(SELECT q.profile_id FROM profile q WHERE q.workspace_id = $1 AND q.merged_into = p.profile_id) AS past
FROM profile p
WHERE p.workspace_id = $1 AND p.profile_id = ANY ($2::bigint[]) AND p.merged_into IS NULL
ORDER BY p.profile_id

-- name: nodes
-- The identifiers of people, and which providers have an answer about each that is still good.
SELECT n.profile_id, n.node_id, n.kind, n.value,
       coalesce((SELECT array_agg(a.provider ORDER BY a.provider) FROM enrichment_asked a
                 WHERE a.workspace_id = $1 AND a.node_id = n.node_id AND a.due_at > $3 AND a.found IS NOT NULL), '{}')
           AS fresh
FROM node n
WHERE n.workspace_id = $1 AND n.profile_id = ANY ($2::bigint[])
ORDER BY n.profile_id, n.node_id

-- name: people_known
-- What providers have found about people that is still good, the surest of each key.
SELECT DISTINCT ON (n.profile_id, e.key) n.profile_id AS subject_id, e.key, e.value, e.confidence
FROM node n JOIN enrichment e ON e.workspace_id = $1 AND e.node_id = n.node_id
WHERE n.workspace_id = $1 AND n.profile_id = ANY ($2::bigint[]) AND (e.expires_at IS NULL OR e.expires_at > $3)
ORDER BY n.profile_id, e.key, e.confidence DESC, e.provider, n.node_id

-- name: accounts
-- Accounts that have not gone into another, with which providers have an answer that is still good.
SELECT a.account_id, a.kind::text AS kind, a.name, a.domain, a.group_id, a.traits,
       array(SELECT b.account_id FROM account b WHERE b.workspace_id = $1 AND b.merged_into = a.account_id) AS past,
       coalesce((SELECT array_agg(DISTINCT k.provider) FROM account_enrichment_asked k
                 WHERE k.workspace_id = $1 AND k.due_at > $3 AND k.found IS NOT NULL
                   AND k.account_id IN (SELECT b.account_id FROM account b
                                        WHERE b.workspace_id = $1 AND coalesce(b.merged_into, b.account_id) = a.account_id)),
                '{}') AS fresh
FROM account a
WHERE a.workspace_id = $1 AND a.account_id = ANY ($2::bigint[]) AND a.merged_into IS NULL
ORDER BY a.account_id

-- name: accounts_known
-- What providers have found about accounts ($2, by any of the ids that each goes by, $4) that is still good.
SELECT DISTINCT ON (f.account_id, e.key) f.account_id AS subject_id, e.key, e.value, e.confidence
FROM unnest($2::bigint[], $4::bigint[]) AS f (account_id, member_id)
JOIN account_enrichment e ON e.workspace_id = $1 AND e.account_id = f.member_id
WHERE e.expires_at IS NULL OR e.expires_at > $3
ORDER BY f.account_id, e.key, e.confidence DESC, e.provider, e.account_id

-- name: under_way
-- Providers that are being asked about subjects, by any of the ids that each ($3) goes by ($4).
SELECT f.subject_id, c.provider
FROM unnest($3::bigint[], $4::bigint[]) AS f (subject_id, member_id)
JOIN enrichment_call c ON c.workspace_id = $1 AND c.subject = $2 AND c.subject_id = f.member_id
    AND c.ended_at IS NULL AND c.lease_until > now()
ORDER BY f.subject_id, c.provider
