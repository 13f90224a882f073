-- Look-ups from arrays are LATERAL with LIMIT 1, so that they go by the unique index whatever the planner believes of
-- a table that has just begun to fill.

-- name: find_nodes
-- Where in the list each known identifier is, its node and its profile, which is locked; null: one is elsewhere since, look again.
WITH found AS MATERIALIZED (
    SELECT wanted.position, n.node_id, n.profile_id
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (kind, value, position)
    CROSS JOIN LATERAL (
        SELECT n.node_id, n.profile_id FROM node n
        WHERE n.workspace_id = $1 AND n.kind = wanted.kind AND n.value = wanted.value LIMIT 1
    ) n
), before AS MATERIALIZED (
    SELECT f.profile_id, p.parted
    FROM (SELECT DISTINCT profile_id FROM found) f
    CROSS JOIN LATERAL (
        SELECT p.parted FROM profile p WHERE p.workspace_id = $1 AND p.profile_id = f.profile_id LIMIT 1
    ) p
), locked AS MATERIALIZED (
    SELECT p.merged_into IS NOT NULL OR p.parted <> b.parted AS moved
    FROM (SELECT profile_id, parted FROM before ORDER BY profile_id) b
    CROSS JOIN LATERAL (
        SELECT p.merged_into, p.parted FROM profile p
        WHERE p.workspace_id = $1 AND p.profile_id = b.profile_id
        FOR NO KEY UPDATE
    ) p
)
SELECT NULL AS position, NULL AS node_id, NULL AS profile_id FROM locked l WHERE l.moved
UNION ALL
SELECT f.position, f.node_id, f.profile_id FROM found f;

-- name: load_holdings
-- How many identifiers of each kind profiles hold (`kind` given), and which of them a person cut apart (`other` given).
WITH member AS MATERIALIZED (
    SELECT wanted.profile_id, n.node_id, n.kind
    FROM unnest($2::bigint[]) AS wanted (profile_id)
    CROSS JOIN LATERAL (
        SELECT n.node_id, n.kind FROM node n
        WHERE n.workspace_id = $1 AND n.profile_id = wanted.profile_id OFFSET 0
    ) n
)
SELECT m.profile_id, m.kind, count(*) AS held, NULL::bigint AS other
FROM member m
GROUP BY m.profile_id, m.kind
UNION ALL
SELECT DISTINCT a.profile_id, NULL, 0, b.profile_id
FROM link l
JOIN member a ON a.node_id = l.node_a
JOIN member b ON b.node_id = l.node_b
WHERE l.workspace_id = $1 AND l.state = 'CUT' AND l.node_a = ANY (ARRAY(SELECT node_id FROM member))
    AND a.profile_id <> b.profile_id;

-- name: bear_nodes
-- Makes nodes, in known profiles (`home`) or in $2 new ones (`litter`, from 1); leaves out what another has just made.
-- The rows of new profiles are made when it is known what is in them, in the same transaction (advance.sql).
WITH newborn AS MATERIALIZED (
    SELECT litter, nextval('profile_profile_id_seq') AS profile_id FROM generate_series(1, $2::int) AS litter
)
INSERT INTO node (workspace_id, kind, value, profile_id, born_profile_id, created_at)
SELECT $1, i.kind, i.value, coalesce(i.home, b.profile_id), coalesce(i.home, b.profile_id), $7
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::int[]) AS i (kind, value, home, litter)
LEFT JOIN newborn b ON b.litter = i.litter
ORDER BY i.kind, i.value
ON CONFLICT (workspace_id, kind, value) DO NOTHING
RETURNING node_id, kind, value, profile_id;

-- name: note_links
-- Keeps links with their first evidence; a repeated one only counts, unless it proves what nothing has proven yet.
INSERT INTO link (workspace_id, node_a, node_b, state, rule, reason, evidence, times, first_at, last_at)
SELECT $1, i.node_a, i.node_b, i.state::link_state, i.rule, i.reason, i.evidence::jsonb, i.times, i.first_at, i.last_at
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::timestamptz[], $10::timestamptz[])
    AS i (node_a, node_b, state, rule, reason, evidence, times, first_at, last_at)
ORDER BY i.node_a, i.node_b, i.state
ON CONFLICT (workspace_id, node_a, node_b, state) DO UPDATE
SET times = link.times + excluded.times,
    first_at = least(link.first_at, excluded.first_at),
    last_at = greatest(link.last_at, excluded.last_at),
    evidence = CASE WHEN link.rule IN ('page', 'split_kept') AND excluded.rule <> 'page' THEN excluded.evidence
                    ELSE link.evidence END,
    rule = CASE WHEN link.rule IN ('page', 'split_kept') AND excluded.rule <> 'page' THEN excluded.rule
                ELSE link.rule END;

-- name: anchored
-- Which of these nodes lead to one that names a person, by more than the word of pages; the kinds $3 name nobody.
WITH RECURSIVE reached AS (
    SELECT wanted.node_id AS start, wanted.node_id FROM unnest($2::bigint[]) AS wanted (node_id)
    UNION
    SELECT r.start, neighbour.node_id
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT l.node_b AS node_id FROM link l
        WHERE l.workspace_id = $1 AND l.node_a = r.node_id AND l.state = 'ACCEPTED' AND l.rule NOT IN ('page', 'split_kept')
        UNION ALL
        SELECT l.node_a FROM link l
        WHERE l.workspace_id = $1 AND l.node_b = r.node_id AND l.state = 'ACCEPTED' AND l.rule NOT IN ('page', 'split_kept')
    ) neighbour
)
SELECT DISTINCT r.start AS node_id
FROM reached r
JOIN node n ON n.workspace_id = $1 AND n.node_id = r.node_id
WHERE n.kind <> ALL ($3::text[]);

-- name: merge_profiles
-- Moves the nodes of each loser to its survivor; the loser's id and all that led to it lead there; its derived rows end.
WITH pair AS MATERIALIZED (
    SELECT loser, survivor FROM unnest($2::bigint[], $3::bigint[]) AS p (loser, survivor)
), moved AS (
    UPDATE node n SET profile_id = p.survivor
    FROM pair p WHERE n.workspace_id = $1 AND n.profile_id = ANY ($2::bigint[]) AND n.profile_id = p.loser
), ended AS (
    UPDATE role_claim c SET until = $4
    FROM pair p
    WHERE c.workspace_id = $1 AND c.profile_id = ANY ($2::bigint[]) AND c.profile_id = p.loser AND c.until IS NULL
), left_accounts AS (
    DELETE FROM membership WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
), unsettled AS (
    DELETE FROM settlement WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
), aliased AS (
    SELECT p.loser AS profile_id, p.survivor, (SELECT nextval('merge_order')) AS merge_order FROM pair p
    UNION ALL
    SELECT a.profile_id, p.survivor, a.merge_order
    FROM pair p JOIN profile a ON a.workspace_id = $1 AND a.merged_into = p.loser
    WHERE a.merged_into = ANY ($2::bigint[])
)
UPDATE profile f SET merged_into = l.survivor, merge_order = l.merge_order
FROM aliased l WHERE f.workspace_id = $1 AND f.profile_id = l.profile_id;

-- name: current_profiles
-- The profiles that these ids lead to today.
SELECT profile_id, coalesce(merged_into, profile_id) AS current
FROM profile WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[]);

-- name: find_profile
-- The profile that an identifier points at.
SELECT profile_id FROM node WHERE workspace_id = $1 AND kind = $2 AND value = $3;

-- name: find_node
-- The node of an identifier.
SELECT node_id, profile_id FROM node WHERE workspace_id = $1 AND kind = $2 AND value = $3;

-- name: lock_profiles
-- Locks profiles, always in the same order, and says which of them were merged away.
SELECT profile_id, merged_into
FROM profile WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
ORDER BY profile_id
FOR NO KEY UPDATE;

-- name: nodes_of
-- The identifiers of profiles.
SELECT node_id, kind, value, profile_id, born_profile_id
FROM node WHERE workspace_id = $1 AND profile_id = ANY ($2::bigint[])
ORDER BY node_id;

-- name: delete_cuts
-- Forgets that two profiles were cut apart.
DELETE FROM link l
USING node a, node b
WHERE l.workspace_id = $1 AND l.state = 'CUT'
    AND a.workspace_id = $1 AND a.node_id = l.node_a
    AND b.workspace_id = $1 AND b.node_id = l.node_b
    AND ((a.profile_id = $2 AND b.profile_id = $3) OR (a.profile_id = $3 AND b.profile_id = $2));

-- name: accepted_links
-- The links that make a profile.
SELECT l.node_a, l.node_b
FROM node a
JOIN link l ON l.workspace_id = $1 AND l.node_a = a.node_id AND l.state = 'ACCEPTED'
JOIN node b ON b.workspace_id = $1 AND b.node_id = l.node_b AND b.profile_id = $2
WHERE a.workspace_id = $1 AND a.profile_id = $2
ORDER BY l.node_a, l.node_b;

-- name: aliases_of
-- Profiles that were merged into this one.
SELECT profile_id, merge_order
FROM profile WHERE workspace_id = $1 AND merged_into = $2
ORDER BY profile_id;

-- name: bear_profile
-- A new profile.
INSERT INTO profile (workspace_id, created_at) VALUES ($1, $2) RETURNING profile_id;

-- name: separate_profile
-- Moves nodes out of a profile into another, which lives (again), and the aliases that follow them.
WITH moved AS (
    UPDATE node SET profile_id = $3 WHERE workspace_id = $1 AND node_id = ANY ($4::bigint[])
), parted AS (
    UPDATE profile SET parted = parted + 1 WHERE workspace_id = $1 AND profile_id = $2
), revived AS (
    UPDATE profile SET merged_into = NULL, merge_order = NULL WHERE workspace_id = $1 AND profile_id = $3
)
UPDATE profile SET merged_into = $3 WHERE workspace_id = $1 AND profile_id = ANY ($5::bigint[]);

-- name: cut_links
-- Turns accepted links into cut ones, or makes cuts where none was; what was seen stays as evidence.
WITH pair AS MATERIALIZED (
    SELECT node_a, node_b FROM unnest($2::bigint[], $3::bigint[]) AS p (node_a, node_b)
), was AS (
    DELETE FROM link l USING pair p
    WHERE l.workspace_id = $1 AND l.node_a = p.node_a AND l.node_b = p.node_b AND l.state = 'ACCEPTED'
    RETURNING l.node_a, l.node_b, l.rule, l.evidence, l.times, l.first_at
)
INSERT INTO link (workspace_id, node_a, node_b, state, rule, reason, evidence, times, first_at, last_at)
SELECT $1, p.node_a, p.node_b, 'CUT', 'split', $4,
       CASE WHEN w.rule IS NULL THEN $5::jsonb
            ELSE $5::jsonb || jsonb_build_object('was', jsonb_build_object(
                'rule', w.rule, 'evidence', w.evidence, 'times', w.times)) END,
       1, $6, $6
FROM pair p
LEFT JOIN was w ON w.node_a = p.node_a AND w.node_b = p.node_b
ORDER BY p.node_a, p.node_b
ON CONFLICT (workspace_id, node_a, node_b, state) DO UPDATE
SET times = link.times + 1, last_at = excluded.last_at, reason = excluded.reason, evidence = excluded.evidence;

-- name: links_of
-- Links that touch these nodes, those between two of the profiles $4 first, then what was seen most often.
SELECT l.node_a, l.node_b, l.state::text AS state, l.rule, l.reason, l.evidence, l.times, l.first_at, l.last_at,
       a.kind AS kind_a, a.value AS value_a, b.kind AS kind_b, b.value AS value_b
FROM (
    SELECT node_a, node_b, state FROM link
    WHERE workspace_id = $1 AND node_a = ANY ($2::bigint[]) AND state = ANY ($3::text[]::link_state[])
    UNION
    SELECT node_a, node_b, state FROM link
    WHERE workspace_id = $1 AND node_b = ANY ($2::bigint[]) AND state = ANY ($3::text[]::link_state[])
) touching
JOIN link l ON l.workspace_id = $1 AND l.node_a = touching.node_a AND l.node_b = touching.node_b
    AND l.state = touching.state
JOIN node a ON a.workspace_id = $1 AND a.node_id = l.node_a
JOIN node b ON b.workspace_id = $1 AND b.node_id = l.node_b
ORDER BY a.profile_id <> b.profile_id AND a.profile_id = ANY ($4::bigint[]) AND b.profile_id = ANY ($4::bigint[]) DESC,
         l.times DESC, l.node_a, l.node_b, l.state
LIMIT $5;
