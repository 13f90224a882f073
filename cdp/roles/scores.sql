-- name: contributions
-- What plugins contributed about these people, and about those who turned out to be them.
SELECT s.profile_id, s.account_id, s.panel, s.source, s.name, s.points, s.reason, s.valid_until
FROM (
    SELECT p.profile_id FROM unnest($2::bigint[]) AS p (profile_id)
    UNION ALL
    SELECT q.profile_id FROM profile q WHERE q.workspace_id = $1 AND q.merged_into = ANY ($2::bigint[])
) one
CROSS JOIN LATERAL (
    SELECT x.profile_id, x.account_id, x.panel, x.source, x.name, x.points, x.reason, x.valid_until
    FROM score_contribution x WHERE x.workspace_id = $1 AND x.profile_id = one.profile_id OFFSET 0) s
ORDER BY s.profile_id, s.account_id, s.panel, s.source, s.name

-- name: put
-- Contributions as they are now; one that goes on keeps the time when it began.
INSERT INTO score_contribution
    (workspace_id, profile_id, account_id, panel, source, name, points, reason, facts, valid_until, since)
SELECT $1, n.profile_id, n.account_id, n.panel, n.source, n.name, n.points, n.reason, n.facts::jsonb, n.valid_until, $11
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[], $9::text[],
            $10::timestamptz[])
     AS n (profile_id, account_id, panel, source, name, points, reason, facts, valid_until)
ORDER BY n.profile_id, n.account_id, n.panel, n.source, n.name
ON CONFLICT (workspace_id, profile_id, account_id, panel, source, name) DO UPDATE
SET points = excluded.points, reason = excluded.reason, facts = excluded.facts, valid_until = excluded.valid_until

-- name: drop
-- Contributions that are taken back.
DELETE FROM score_contribution s
USING unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
      AS n (profile_id, account_id, panel, source, name)
WHERE s.workspace_id = $1 AND s.profile_id = n.profile_id AND s.account_id = n.account_id AND s.panel = n.panel
  AND s.source = n.source AND s.name = n.name
