-- name: kinds
-- What may happen, in a hundred slots that a person's nature draws from.
CREATE TEMPORARY TABLE kind AS
SELECT slot, k.*
FROM (VALUES
    (0, 39, NULL, NULL, 0.0, true, 'ACTIVATION', NULL, true),
    (40, 54, NULL, NULL, 0.0, true, 'SESSION', NULL, false),
    (55, 58, NULL, NULL, 0.0, true, 'TICKET_OPENED', NULL, false),
    (59, 61, NULL, NULL, 0.0, true, 'TICKET_CLOSED', NULL, false),
    (62, 64, NULL, NULL, 0.0, true, 'INVITE', 3.0, false),
    (65, 72, 'product_viewed', 'RESEARCH', 1.5, false, NULL, NULL, false),
    (73, 77, 'pricing_viewed', 'PRICING', 5.0, false, NULL, NULL, false),
    (78, 80, 'comparison_viewed', 'COMPARISON', 4.0, false, NULL, NULL, false),
    (81, 82, 'demo_requested', 'COMPARISON', 12.0, false, NULL, NULL, false),
    (83, 84, 'checkout_started', 'NEGOTIATION', 6.0, false, NULL, NULL, false),
    (85, 87, 'order_completed', 'PURCHASE', 20.0, false, NULL, NULL, false),
    (88, 88, 'review_submitted', NULL, 2.0, true, 'REVIEW', 3.0, false),
    (89, 99, NULL, NULL, 0.0, false, NULL, NULL, false)
) AS k (low, high, signal, stage, weight, usage, measure, influence, feature)
CROSS JOIN LATERAL generate_series(k.low, k.high) AS slot;

-- name: made
-- Where the events of a block lie until they are counted.
CREATE TEMPORARY TABLE made
    (person bigint, ordinal bigint, node_id bigint, account_id bigint, at timestamptz, slot bigint, feature text, factor float8);

-- name: features
-- The features that the workspace defines.
INSERT INTO feature (workspace_id, key, name)
SELECT $1, key, initcap(key) FROM unnest(ARRAY['reports', 'export', 'alerts', 'boards', 'search', 'forecasts']) AS key
ON CONFLICT DO NOTHING;

-- name: accounts
-- Accounts of twenty people: ($1 workspace, $2 first number, $3 last number).
INSERT INTO account (workspace_id, account_id, group_id, domain, name, traits, seats_licensed)
SELECT $1, n, 'company-' || n, 'company' || n || '.example', 'Company ' || n,
       jsonb_build_object('employees', n * 3 % 900, 'industry', (ARRAY['retail', 'software', 'health'])[1 + n % 3]), 25
FROM generate_series($2::bigint, $3::bigint) AS n;

-- name: people
-- Profiles without figures: ($1 workspace, $2 first number, $3 last number).
INSERT INTO profile (workspace_id, profile_id, created_at)
SELECT $1, i, w.epoch - interval '90 days' + i * interval '1 second'
FROM generate_series($2::bigint, $3::bigint) AS i CROSS JOIN workspace w WHERE w.workspace_id = $1;

-- name: nodes
-- Each person's user id, e-mail address and browser: ($1 workspace, $2 first number, $3 last number, $4 accounts a block, $5 people a block).
INSERT INTO node (workspace_id, node_id, kind, value, profile_id, born_profile_id)
SELECT $1, i * 3 + k.place, k.kind,
       CASE k.place WHEN 0 THEN 'user-' || i WHEN 2 THEN 'anon-' || i
           ELSE 'person' || i || '@company' || (i - 1) / $5::bigint * $4::bigint + 1 + (i - 1) % $4::bigint || '.example' END,
       i, i
FROM generate_series($2::bigint, $3::bigint) AS i
CROSS JOIN (VALUES (0, 'user_id'), (1, 'email'), (2, 'anonymous_id')) AS k (place, kind);

-- name: evidence
-- Who is in which account; one in fifty is in none, one in ten in two: ($1 workspace, $2 first, $3 last, $4 accounts a block, $5 people a block).
INSERT INTO membership_evidence (workspace_id, node_id, account_id, source, since, occurred_at, message_id)
SELECT $1, i * 3, a.account_id, 'group', a.since, a.since, 'group-' || i
FROM generate_series($2::bigint, $3::bigint) AS i
CROSS JOIN LATERAL (SELECT hashint8extended(i, 3) & 9007199254740991) AS n (nature)
CROSS JOIN workspace w
CROSS JOIN LATERAL (
    SELECT (i - 1) / $5::bigint * $4::bigint + 1 + ((i - 1) * (1 + 6 * second) + second) % $4::bigint AS account_id,
           date_trunc('hour', w.epoch - (60 + i % 300) * interval '1 day') AS since
    FROM generate_series(0, CASE WHEN nature / 50 % 10 = 0 THEN 1 ELSE 0 END) AS second
) a
WHERE w.workspace_id = $1 AND nature % 50 <> 0
ON CONFLICT DO NOTHING;

-- name: events
-- 4 to 36 events a person over 60 days, more of them lately; three of ten people only use, one only buys: ($1 workspace, $2 first, $3 last, $4 accounts a block, $5 people a block).
INSERT INTO made (person, ordinal, node_id, account_id, at, slot, feature, factor)
SELECT e.i, e.k, e.i * 3 + e.anonymous, e.account_id, e.at, e.slot,
       (ARRAY['reports', 'export', 'alerts', 'boards', 'search', 'forecasts'])[1 + e.h / 100 % (1 + e.nature / 200000 % 6)],
       2.0 ^ (extract(epoch FROM e.at - e.epoch) / (14 * 86400)) * 1099511627776
FROM (
    SELECT i, k, h, nature, w.epoch,
           CASE WHEN h / 1000 % 20 < 3 THEN 2 ELSE 0 END AS anonymous,
           CASE WHEN h / 1000 % 20 < 3 OR h / 20000 % 10 < 2 OR nature % 50 = 0 THEN 0
                ELSE (i - 1) / $5::bigint * $4::bigint + 1
                     + ((i - 1) * (1 + 6 * second) + second) % $4::bigint END AS account_id,
           date_trunc('second', w.epoch - interval '60 days' * power((h / 200000 % 100000)::float8 / 100000, 2)) AS at,
           CASE nature / 500 % 10 WHEN 0 THEN 65 + h % 35 WHEN 1 THEN h % 65 WHEN 2 THEN h % 65 WHEN 3 THEN h % 65
               ELSE h % 100 END AS slot
    FROM generate_series($2::bigint, $3::bigint) AS i
    CROSS JOIN LATERAL (SELECT hashint8extended(i, 3) & 9007199254740991) AS n (nature)
    CROSS JOIN LATERAL generate_series(1, 4 + nature / 5000 % 33) AS k
    CROSS JOIN LATERAL (SELECT hashint8extended(i * 64 + k, 7) & 9007199254740991) AS r (h)
    CROSS JOIN LATERAL (SELECT CASE WHEN nature / 50 % 10 = 0 AND h / 20000 % 10 > 6 THEN 1 ELSE 0 END) AS s (second)
    CROSS JOIN workspace w
    WHERE w.workspace_id = $1
) e;

-- name: tallies
-- What the made events add up to, by kind: ($1 workspace).
INSERT INTO summary_tally (workspace_id, node_id, account_id, kind, key, count, first_at, last_at, units)
SELECT $1, m.node_id, m.account_id, t.kind, t.key, count(*), min(m.at), max(m.at), sum(t.units)
FROM made m
JOIN kind k ON k.slot = m.slot
CROSS JOIN LATERAL (
    SELECT round(k.weight * m.factor)::bigint AS weighed, round(k.influence * m.factor)::bigint AS influence
) u
CROSS JOIN LATERAL (VALUES
    ('seen', '', 0),
    ('signal', k.signal, u.weighed),
    ('stage', k.stage, u.weighed),
    ('usage', CASE WHEN k.usage THEN '' END, 0),
    ('feature', CASE WHEN k.feature THEN m.feature END, 0),
    (k.measure, CASE WHEN k.measure IS NOT NULL THEN '' END, 0),
    ('influence', CASE WHEN k.influence IS NOT NULL THEN '' END, u.influence)
) AS t (kind, key, units)
WHERE t.key IS NOT NULL
GROUP BY m.node_id, m.account_id, t.kind, t.key;

-- name: days
-- The days of usage, of any and of each feature: ($1 workspace).
INSERT INTO summary_day (workspace_id, node_id, account_id, feature, day, count)
SELECT $1, m.node_id, m.account_id, f.feature, (m.at AT TIME ZONE 'UTC')::date, count(*)
FROM made m
JOIN kind k ON k.slot = m.slot
CROSS JOIN LATERAL (VALUES (''), (CASE WHEN k.feature THEN m.feature END)) AS f (feature)
WHERE k.usage AND f.feature IS NOT NULL
GROUP BY m.node_id, m.account_id, f.feature, (m.at AT TIME ZONE 'UTC')::date;

-- name: orders
-- One order for each that was completed: ($1 workspace).
INSERT INTO summary_order (workspace_id, node_id, account_id, order_id, currency, total, total_at, total_message_id,
                           first_at, last_at)
SELECT $1, m.node_id, m.account_id, 'order-' || m.person || '-' || m.ordinal,
       CASE WHEN m.ordinal % 10 = 0 THEN 'USD' ELSE 'EUR' END, 20 + (m.person * 7 + m.ordinal * 31) % 900 + 0.50,
       m.at, 'order-' || m.person || '-' || m.ordinal, m.at, m.at
FROM made m JOIN kind k ON k.slot = m.slot
WHERE k.signal = 'order_completed';

-- name: traits
-- What identify calls said: ($1 workspace, $2 first number, $3 last number).
INSERT INTO summary_register (workspace_id, node_id, account_id, kind, key, value, occurred_at, message_id, source)
SELECT $1, n.node_id, 0, 'trait', t.key, t.value, w.epoch - interval '60 days', 'identify-' || n.profile_id, 'tracking'
FROM node n
CROSS JOIN workspace w
CROSS JOIN LATERAL (VALUES
    ('name', to_jsonb('Person ' || n.profile_id)),
    ('plan', to_jsonb((ARRAY['free', 'team', 'business'])[1 + n.profile_id % 3])),
    ('title', to_jsonb((ARRAY['Engineer', 'Director', 'Analyst', 'Founder'])[1 + n.profile_id % 4]))
) AS t (key, value)
WHERE n.workspace_id = $1 AND w.workspace_id = $1 AND n.kind = 'user_id'
  AND n.profile_id BETWEEN $2::bigint AND $3::bigint;

-- name: roles
-- Roles as the views suggest them: ($1 workspace, $2 first number, $3 last number).
INSERT INTO role_claim (workspace_id, profile_id, account_id, role, source, confidence, evidence, since)
SELECT $1, m.profile_id, m.account_id, r.role, 'diptych_roles', r.confidence,
       jsonb_build_array(jsonb_build_object('reason', 'made up', 'facts', '{}'::jsonb)), r.since
FROM membership m
CROSS JOIN LATERAL (VALUES
    ('ECONOMIC_BUYER', 0.9, m.last_purchase_at),
    ('END_USER', 0.8, m.usage_first_at),
    ('INFLUENCER', 0.6, CASE WHEN m.influence_rank > 0 AND m.purchase_count = 0 THEN m.usage_first_at END),
    ('CHAMPION', 0.7, CASE WHEN m.influence_rank > 0 AND m.intent_rank > 30 THEN m.usage_first_at END)
) AS r (role, confidence, since)
WHERE m.workspace_id = $1 AND r.since IS NOT NULL AND m.profile_id BETWEEN $2::bigint AND $3::bigint;

-- name: counted
-- How many people, accounts and events there are: ($1 workspace).
SELECT (SELECT count(*) FROM profile f WHERE f.workspace_id = $1) AS people,
       (SELECT count(*) FROM account a WHERE a.workspace_id = $1) AS accounts,
       (SELECT sum(t.count)::bigint FROM summary_tally t WHERE t.workspace_id = $1 AND t.kind = 'seen') AS events;
