-- name: profiles
-- Rows of people with their identifiers, strongest first: ($1 workspace, $2 profile ids).
SELECT f.profile_id, f.display_name, f.traits, f.intent_rank, f.stage::text AS stage,
       f.furthest_stage::text AS furthest_stage, f.purchase_count, f.usage_first_at, f.last_used_at, f.activated_at,
       f.used_days, f.feature_last, n.kinds, n.values
FROM (SELECT DISTINCT w.profile_id FROM unnest($2::bigint[]) AS w (profile_id)) w
CROSS JOIN LATERAL (
    SELECT f.profile_id, f.merged_into, f.display_name, f.traits, f.intent_rank, f.stage, f.furthest_stage,
           f.purchase_count, f.usage_first_at, f.last_used_at, f.activated_at, f.used_days, f.feature_last
    FROM profile f WHERE f.workspace_id = $1 AND f.profile_id = w.profile_id LIMIT 1
) f
CROSS JOIN LATERAL (
    SELECT array_agg(i.kind ORDER BY i.strength, i.kind, i.value) AS kinds,
           array_agg(i.value ORDER BY i.strength, i.kind, i.value) AS values
    FROM (
        SELECT n.kind, n.value,
               CASE n.kind WHEN 'user_id' THEN 1 WHEN 'email' THEN 2 WHEN 'phone' THEN 3
                           WHEN 'device_id' THEN 5 WHEN 'anonymous_id' THEN 6 ELSE 4 END AS strength
        FROM node n
        WHERE n.workspace_id = $1 AND n.profile_id = w.profile_id OFFSET 0
    ) i
) n
WHERE f.merged_into IS NULL
ORDER BY f.profile_id;

-- name: memberships
-- Rows of people in accounts: ($1 workspace, $2 profile ids).
SELECT m.profile_id, m.account_id, m.own, m.scope, m.since, m.until, m.intent_rank, m.stage::text AS stage,
       m.furthest_stage::text AS furthest_stage, m.purchase_count, m.usage_first_at, m.last_used_at, m.activated_at,
       m.used_days, m.feature_last
FROM membership m
WHERE m.workspace_id = $1 AND m.profile_id = ANY($2::bigint[])
ORDER BY m.profile_id, m.account_id;

-- name: tallies
-- Tallies of people by account: ($1 workspace, $2 profile ids).
SELECT n.profile_id, t.account_id, t.kind, t.key, sum(t.count)::bigint AS count, min(t.first_at) AS first_at,
       max(t.last_at) AS last_at, sum(t.units) AS units
FROM node n
CROSS JOIN LATERAL (
    SELECT t.account_id, t.kind, t.key, t.count, t.first_at, t.last_at, t.units FROM summary_tally t
    WHERE t.workspace_id = $1 AND t.node_id = n.node_id AND t.kind NOT IN ('seen', 'stage', 'usage') OFFSET 0
) t
WHERE n.workspace_id = $1 AND n.profile_id = ANY($2::bigint[])
GROUP BY n.profile_id, t.account_id, t.kind, t.key
ORDER BY n.profile_id, t.account_id, t.kind, t.key;

-- name: orders
-- What each node knows of people's orders: ($1 workspace, $2 profile ids).
SELECT n.profile_id, o.account_id, o.order_id, o.currency, o.total, o.total_at, o.total_message_id, o.refunded,
       o.refunded_whole, o.cancelled, o.first_at, o.last_at
FROM node n
CROSS JOIN LATERAL (
    SELECT o.account_id, o.order_id, o.currency, o.total, o.total_at, o.total_message_id, o.refunded,
           o.refunded_whole, o.cancelled, o.first_at, o.last_at
    FROM summary_order o WHERE o.workspace_id = $1 AND o.node_id = n.node_id OFFSET 0
) o
WHERE n.workspace_id = $1 AND n.profile_id = ANY($2::bigint[])
ORDER BY n.profile_id, o.account_id, o.order_id, n.node_id;

-- name: accounts
-- Accounts with the figures of the people in them: ($1 workspace, $2 account ids, $3 as of).
SELECT a.account_id, a.kind::text AS kind, a.name, a.domain, a.traits,
       coalesce(m.purchase_count, 0) AS purchase_count, coalesce(m.member_count, 0) AS member_count
FROM (SELECT DISTINCT w.account_id FROM unnest($2::bigint[]) AS w (account_id)) w
CROSS JOIN LATERAL (
    SELECT a.account_id, a.kind, a.name, a.domain, a.traits
    FROM account a WHERE a.workspace_id = $1 AND a.account_id = w.account_id LIMIT 1
) a
CROSS JOIN LATERAL (
    SELECT sum(m.purchase_count)::bigint AS purchase_count,
           count(*) FILTER (WHERE m.own AND (m.until IS NULL OR m.until > $3)) AS member_count
    FROM (
        SELECT m.purchase_count, m.own, m.until FROM membership m
        WHERE m.workspace_id = $1 AND m.account_id BETWEEN w.account_id AND w.account_id ORDER BY m.account_id
    ) m
) m
ORDER BY a.account_id;
