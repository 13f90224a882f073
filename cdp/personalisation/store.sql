-- name: slots
-- A workspace's slots by name: ($1 workspace).
SELECT s.name, s.description, s.holdout, s.salt, s.fallback, s.goals, s.goal_seconds
FROM personalisation_slot s
WHERE s.workspace_id = $1
ORDER BY s.name;

-- name: variants
-- Their variants by name: ($1 workspace).
SELECT v.slot, v.name, v.audience, v.lens, v.starts_at, v.ends_at, v.priority, v.weight, v.cap_times, v.cap_seconds,
       v.content, v.paused
FROM personalisation_variant v
WHERE v.workspace_id = $1
ORDER BY v.slot, v.name;

-- name: save_slot
-- Make or replace a slot, its variants aside: ($1 workspace, $2 name, $3 description, $4 holdout, $5 salt, $6 fallback,
-- $7 goals, $8 seconds for a goal, $9 now).
INSERT INTO personalisation_slot (workspace_id, name, description, holdout, salt, fallback, goals, goal_seconds, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (workspace_id, name) DO UPDATE
SET description = EXCLUDED.description, holdout = EXCLUDED.holdout, salt = EXCLUDED.salt,
    fallback = EXCLUDED.fallback, goals = EXCLUDED.goals, goal_seconds = EXCLUDED.goal_seconds,
    changed_at = EXCLUDED.changed_at;

-- name: delete_slot
-- Take a slot and its variants away: ($1 workspace, $2 name); nothing where there is none.
DELETE FROM personalisation_slot s WHERE s.workspace_id = $1 AND s.name = $2
RETURNING s.name;

-- name: save_variant
-- Make or replace a variant: ($1 workspace, $2 slot, $3 name, $4 audience, $5 lens, $6 starts at, $7 ends at,
-- $8 priority, $9 weight, $10 impressions of the cap, $11 its seconds, $12 content, $13 paused, $14 now).
INSERT INTO personalisation_variant (workspace_id, slot, name, audience, lens, starts_at, ends_at, priority, weight,
                                     cap_times, cap_seconds, content, paused, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (workspace_id, slot, name) DO UPDATE
SET audience = EXCLUDED.audience, lens = EXCLUDED.lens, starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at,
    priority = EXCLUDED.priority, weight = EXCLUDED.weight, cap_times = EXCLUDED.cap_times,
    cap_seconds = EXCLUDED.cap_seconds, content = EXCLUDED.content, paused = EXCLUDED.paused,
    changed_at = EXCLUDED.changed_at;

-- name: delete_variant
-- Take a variant away: ($1 workspace, $2 slot, $3 name); nothing where there is none.
DELETE FROM personalisation_variant v WHERE v.workspace_id = $1 AND v.slot = $2 AND v.name = $3
RETURNING v.name;

-- name: impressions
-- What people were shown in some slots: ($1 workspace, $2 profile ids, $3 slots, $4 since).
SELECT n.profile_id, s.slot, s.variant, s.occurred_at
FROM node n
CROSS JOIN LATERAL (
    SELECT e.properties->>'slot' AS slot, e.properties->>'variant' AS variant, e.occurred_at FROM event e
    WHERE e.workspace_id = $1 AND e.node_id = n.node_id AND e.name = 'Personalisation Shown' AND e.occurred_at > $4
    OFFSET 0
) s
WHERE n.workspace_id = $1 AND n.profile_id = ANY($2::bigint[]) AND s.slot = ANY($3::text[]);

-- name: arms
-- Who was shown what first, and who then did what it was for; `fallback` apart, which is shown to those for whom there
-- was nothing: ($1 workspace, $2 slot, $3 since, $4 until, $5 goals, $6 period of a goal).
WITH shown AS MATERIALIZED (
    SELECT n.profile_id, e.properties->>'variant' AS variant, e.properties->>'withheld' AS withheld, e.occurred_at,
           e.event_id
    FROM event e
    JOIN node n ON n.workspace_id = $1 AND n.node_id = e.node_id
    WHERE e.workspace_id = $1 AND e.name = 'Personalisation Shown' AND e.occurred_at >= $3 AND e.occurred_at < $4
      AND e.properties->>'slot' = $2 AND e.properties->>'variant' IS NOT NULL
),
first AS (
    SELECT DISTINCT ON (s.profile_id) s.profile_id, s.variant, s.withheld, s.occurred_at
    FROM shown s
    WHERE s.variant <> 'fallback'
    ORDER BY s.profile_id, s.occurred_at, s.event_id
),
converted AS (
    SELECT DISTINCT f.profile_id
    FROM first f
    JOIN node n ON n.workspace_id = $1 AND n.profile_id = f.profile_id
    CROSS JOIN LATERAL (
        SELECT FROM event o
        WHERE o.workspace_id = $1 AND o.node_id = n.node_id AND o.occurred_at >= f.occurred_at
          AND o.occurred_at < f.occurred_at + $6::interval
          AND (o.name = ANY($5::text[])
               OR (o.name = 'Personalisation Converted' AND o.properties->>'slot' = $2))
        LIMIT 1
    ) goal
)
SELECT a.variant, a.withheld, a.people, a.converted, i.impressions
FROM (
    SELECT f.variant, CASE WHEN f.variant = 'holdout' THEN f.withheld END AS withheld, count(*) AS people,
           count(c.profile_id) AS converted
    FROM first f
    LEFT JOIN converted c ON c.profile_id = f.profile_id
    GROUP BY 1, 2
) a
JOIN (
    SELECT s.variant, CASE WHEN s.variant = 'holdout' THEN s.withheld END AS withheld, count(*) AS impressions
    FROM shown s
    GROUP BY 1, 2
) i ON i.variant = a.variant AND i.withheld IS NOT DISTINCT FROM a.withheld
ORDER BY a.variant, a.withheld;

-- name: consent
-- What is known of people's consent, and by which identifiers, strongest first: ($1 workspace, $2 profile ids).
SELECT p.profile_id, p.traits->'consent' AS known, coalesce(n.kinds, '{}') AS kinds, coalesce(n.values, '{}') AS values
FROM profile p
LEFT JOIN (
    SELECT i.profile_id, array_agg(i.kind ORDER BY i.strength, i.kind, i.value) AS kinds,
           array_agg(i.value ORDER BY i.strength, i.kind, i.value) AS values
    FROM (
        SELECT n.profile_id, n.kind, n.value,
               CASE n.kind WHEN 'user_id' THEN 1 WHEN 'email' THEN 2 WHEN 'phone' THEN 3
                           WHEN 'device_id' THEN 5 WHEN 'anonymous_id' THEN 6 ELSE 4 END AS strength
        FROM node n
        WHERE n.workspace_id = $1 AND n.profile_id = ANY($2::bigint[])
    ) i
    GROUP BY i.profile_id
) n ON n.profile_id = p.profile_id
WHERE p.workspace_id = $1 AND p.profile_id = ANY($2::bigint[]);
