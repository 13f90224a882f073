-- name: refresh
-- Derives profiles and their memberships from the summaries of their nodes: ($1 workspace, $2 profile ids).
-- LATERAL … OFFSET 0 makes the way in one index range a node, whatever the statistics of tables that grow quickly say.
WITH steps AS MATERIALIZED (
    SELECT ARRAY(SELECT jsonb_array_elements_text(w.settings -> 'onboarding_steps')) AS names
    FROM workspace w WHERE w.workspace_id = $1
),
people AS MATERIALIZED (
    SELECT n.node_id, n.profile_id, n.kind, n.value,
           CASE n.kind WHEN 'user_id' THEN 1 WHEN 'email' THEN 2 WHEN 'phone' THEN 3
                       WHEN 'device_id' THEN 5 WHEN 'anonymous_id' THEN 6 ELSE 4 END AS strength
    FROM unnest($2::bigint[]) AS w (profile_id)
    CROSS JOIN LATERAL (
        SELECT n.node_id, n.profile_id, n.kind, n.value FROM node n
        WHERE n.workspace_id = $1 AND n.profile_id = w.profile_id OFFSET 0
    ) n
),
-- Facts of a person by account. Every other fact comes with a tally of what was seen in the same account.
tally AS MATERIALIZED (
    SELECT p.profile_id, t.account_id, t.kind, t.key, t.first_at, t.last_at, t.units
    FROM people p
    CROSS JOIN LATERAL (
        SELECT t.account_id, t.kind, t.key, t.first_at, t.last_at, t.units FROM summary_tally t
        WHERE t.workspace_id = $1 AND t.node_id = p.node_id OFFSET 0
    ) t
),
active AS MATERIALIZED (
    SELECT p.profile_id, d.account_id, d.day
    FROM people p
    CROSS JOIN LATERAL (
        SELECT d.account_id, d.day FROM summary_day d
        WHERE d.workspace_id = $1 AND d.node_id = p.node_id AND d.feature = '' OFFSET 0
    ) d
),
ordered AS MATERIALIZED (
    SELECT p.profile_id, o.account_id, o.order_id, o.total, o.total_at, o.total_message_id, o.refunded,
           o.refunded_whole, o.cancelled, o.first_at
    FROM people p
    CROSS JOIN LATERAL (
        SELECT o.account_id, o.order_id, o.total, o.total_at, o.total_message_id, o.refunded, o.refunded_whole,
               o.cancelled, o.first_at
        FROM summary_order o WHERE o.workspace_id = $1 AND o.node_id = p.node_id OFFSET 0
    ) o
),
-- At most a thousand of a node, the first by key: a profile is written whole with every event, and anybody who has a
-- publishable key can think of ever more traits.
trait AS MATERIALIZED (
    SELECT DISTINCT ON (p.profile_id, r.key) p.profile_id, r.key, r.value
    FROM people p
    CROSS JOIN LATERAL (
        SELECT r.key, r.value, r.occurred_at, r.message_id FROM summary_register r
        WHERE r.workspace_id = $1 AND r.node_id = p.node_id AND r.kind = 'trait'
        ORDER BY r.account_id, r.key LIMIT 1000
    ) r
    ORDER BY p.profile_id, r.key, r.occurred_at DESC, r.message_id COLLATE "C" DESC
),
-- Which accounts the person is in. What an e-mail domain suggests counts while nothing explicit says otherwise.
evidence AS MATERIALIZED (
    SELECT p.profile_id, e.account_id, e.source, e.since, e.until, e.occurred_at, e.message_id,
           bool_or(e.source <> 'email_domain' AND e.until IS NULL AND e.kind = 'ORGANISATION')
               OVER (PARTITION BY p.profile_id) AS explicit
    FROM people p
    CROSS JOIN LATERAL (
        SELECT e.account_id, e.source, e.since, e.until, e.occurred_at, e.message_id,
               (SELECT a.kind FROM account a WHERE a.workspace_id = $1 AND a.account_id = e.account_id) AS kind
        FROM membership_evidence e
        WHERE e.workspace_id = $1 AND e.node_id = p.node_id OFFSET 0
    ) e
),
own AS MATERIALIZED (
    SELECT e.profile_id, e.account_id, array_agg(DISTINCT e.source ORDER BY e.source) AS sources,
           coalesce((array_agg(e.since ORDER BY e.occurred_at DESC, e.message_id COLLATE "C" DESC)
                         FILTER (WHERE e.source = 'human'))[1],
                    min(e.since) FILTER (WHERE e.source <> 'human')) AS since,
           CASE WHEN bool_or(e.source = 'human')
                THEN (array_agg(e.until ORDER BY e.occurred_at DESC, e.message_id COLLATE "C" DESC)
                          FILTER (WHERE e.source = 'human'))[1]
                WHEN bool_and(e.until IS NOT NULL) THEN max(e.until) END AS until
    FROM evidence e
    WHERE e.source <> 'email_domain' OR NOT e.explicit
    GROUP BY e.profile_id, e.account_id
),
-- The account in which unscoped facts count: the only one that the person is in today.
home AS MATERIALIZED (
    SELECT o.profile_id, min(o.account_id) AS account_id
    FROM own o WHERE o.until IS NULL
    GROUP BY o.profile_id HAVING count(*) = 1
),
person AS MATERIALIZED (
    SELECT p.profile_id, array_agg(t.account_id) FILTER (WHERE t.account_id IS NOT NULL) AS accounts,
           coalesce(bool_or(t.account_id = 0 AND t.counts), false) AS unscoped,
           min(t.first_seen_at) AS first_seen_at, max(t.last_seen_at) AS last_seen_at
    FROM (SELECT DISTINCT profile_id FROM people) p
    LEFT JOIN (
        SELECT t.profile_id, t.account_id, bool_or(t.kind <> 'seen') AS counts,
               min(t.first_at) FILTER (WHERE t.kind = 'seen') AS first_seen_at,
               max(t.last_at) FILTER (WHERE t.kind = 'seen') AS last_seen_at
        FROM tally t
        WHERE t.kind IN ('seen', 'signal', 'usage')
        GROUP BY t.profile_id, t.account_id
    ) t ON t.profile_id = p.profile_id
    GROUP BY p.profile_id
),
member AS MATERIALIZED (
    SELECT m.profile_id, m.account_id, m.own, m.scope, m.sources, m.since, m.until,
           -- The same facts as the whole person's: no need to add them up again.
           coalesce(q.accounts <@ m.scope, true) AS whole
    FROM (
        SELECT o.profile_id, o.account_id, true AS own,
               CASE WHEN h.account_id = o.account_id THEN ARRAY[o.account_id, 0] ELSE ARRAY[o.account_id] END AS scope,
               o.sources, o.since, o.until
        FROM own o LEFT JOIN home h ON h.profile_id = o.profile_id
        UNION ALL
        SELECT q.profile_id, a.account_id, false, ARRAY[a.account_id], '{}', NULL, NULL
        FROM person q CROSS JOIN LATERAL unnest(q.accounts) AS a (account_id)
        WHERE a.account_id > 0
          AND NOT EXISTS (SELECT FROM own o WHERE o.profile_id = q.profile_id AND o.account_id = a.account_id)
        UNION ALL
        SELECT q.profile_id, 0, true, ARRAY[0::bigint], '{}', NULL, NULL
        FROM person q
        WHERE NOT EXISTS (SELECT FROM own o WHERE o.profile_id = q.profile_id)
           OR (q.unscoped AND NOT EXISTS (SELECT FROM home h WHERE h.profile_id = q.profile_id))
    ) m
    JOIN person q ON q.profile_id = m.profile_id
),
-- Facts are added up for the whole person (target -1), and for each membership where others count (target: its account).
part AS MATERIALIZED (
    SELECT m.profile_id, m.account_id AS target, a.account_id
    FROM member m CROSS JOIN LATERAL unnest(m.scope) AS a (account_id)
    WHERE NOT m.whole
),
added AS MATERIALIZED (
    SELECT t.profile_id, t.target, t.kind, t.key, CASE t.kind WHEN 'stage' THEN t.key::buying_stage END AS stage,
           min(t.first_at) AS first_at, max(t.last_at) AS last_at, sum(t.units) AS units
    FROM (
        SELECT t.profile_id, -1::bigint AS target, t.kind, t.key, t.first_at, t.last_at, t.units FROM tally t
        UNION ALL
        SELECT g.profile_id, g.target, t.kind, t.key, t.first_at, t.last_at, t.units
        FROM part g JOIN tally t ON t.profile_id = g.profile_id AND t.account_id = g.account_id
    ) t
    WHERE t.kind IN ('signal', 'stage', 'feature', 'usage', 'onboarding', 'influence', 'ACTIVATION')
    GROUP BY t.profile_id, t.target, t.kind, t.key
),
strongest AS MATERIALIZED (
    SELECT DISTINCT ON (k.profile_id, k.target) k.profile_id, k.target, k.stage
    FROM added k
    WHERE k.kind = 'stage'
    ORDER BY k.profile_id, k.target, k.units DESC, k.stage DESC
),
panel AS MATERIALIZED (
    SELECT k.profile_id, k.target,
           coalesce(sum(k.units) FILTER (WHERE k.kind = 'signal'), 0)::float8 / 1099511627776::float8 AS intent_rank,
           max(k.last_at) FILTER (WHERE k.kind = 'signal') AS intent_last_at,
           max(k.stage) AS furthest_stage,
           min(k.first_at) FILTER (WHERE k.kind = 'usage') AS usage_first_at,
           max(k.last_at) FILTER (WHERE k.kind = 'usage') AS last_used_at,
           (max(k.last_at) FILTER (WHERE k.kind = 'usage') AT TIME ZONE 'UTC')::date - 400 AS oldest_day,
           least(min(k.first_at) FILTER (WHERE k.kind = 'ACTIVATION'),
                 CASE WHEN cardinality(s.names) > 0 AND cardinality(s.names)
                           = count(*) FILTER (WHERE k.kind = 'onboarding' AND k.key = ANY(s.names))
                      THEN max(k.first_at) FILTER (WHERE k.kind = 'onboarding' AND k.key = ANY(s.names)) END
           ) AS activated_at,
           coalesce(jsonb_object_agg(k.key, k.last_at) FILTER (WHERE k.kind = 'feature'), '{}') AS feature_last,
           coalesce(sum(k.units) FILTER (WHERE k.kind = 'influence'), 0)::float8 / 1099511627776::float8
               AS influence_rank
    FROM added k CROSS JOIN steps s
    GROUP BY k.profile_id, k.target, s.names
),
used AS MATERIALIZED (
    SELECT a.profile_id, a.target, array_agg(DISTINCT a.day ORDER BY a.day) AS used_days
    FROM (
        SELECT a.profile_id, -1::bigint AS target, a.day FROM active a
        UNION ALL
        SELECT g.profile_id, g.target, a.day
        FROM part g JOIN active a ON a.profile_id = g.profile_id AND a.account_id = g.account_id
    ) a
    JOIN panel l ON l.profile_id = a.profile_id AND l.target = a.target
    WHERE a.day >= l.oldest_day
    GROUP BY a.profile_id, a.target
),
bought AS MATERIALIZED (
    SELECT b.profile_id, b.target, count(*)::integer AS purchase_count, max(b.first_at) AS last_purchase_at
    FROM (
        SELECT o.profile_id, o.target, min(o.first_at) AS first_at
        FROM (
            SELECT -1::bigint AS target, o.* FROM ordered o
            UNION ALL
            SELECT g.target, o.*
            FROM part g JOIN ordered o ON o.profile_id = g.profile_id AND o.account_id = g.account_id
        ) o
        GROUP BY o.profile_id, o.target, o.order_id
        HAVING bool_or(o.total_at IS NOT NULL) AND NOT bool_or(o.cancelled) AND NOT bool_or(o.refunded_whole)
           AND NOT (sum(o.refunded) > 0 AND sum(o.refunded)
                    >= (array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                  o.total_message_id COLLATE "C" DESC NULLS LAST))[1])
    ) b
    GROUP BY b.profile_id, b.target
),
derived AS MATERIALIZED (
    SELECT g.profile_id, g.target, coalesce(l.intent_rank, 0) AS intent_rank, l.intent_last_at, s.stage,
           l.furthest_stage, coalesce(b.purchase_count, 0) AS purchase_count, b.last_purchase_at, l.usage_first_at,
           l.last_used_at, l.activated_at, coalesce(u.used_days, '{}') AS used_days,
           coalesce(l.feature_last, '{}') AS feature_last, coalesce(l.influence_rank, 0) AS influence_rank
    FROM (
        SELECT q.profile_id, -1::bigint AS target FROM person q
        UNION ALL
        SELECT m.profile_id, m.account_id FROM member m WHERE NOT m.whole
    ) g
    LEFT JOIN panel l ON l.profile_id = g.profile_id AND l.target = g.target
    LEFT JOIN strongest s ON s.profile_id = g.profile_id AND s.target = g.target
    LEFT JOIN used u ON u.profile_id = g.profile_id AND u.target = g.target
    LEFT JOIN bought b ON b.profile_id = g.profile_id AND b.target = g.target
),
called AS MATERIALIZED (
    SELECT t.profile_id, coalesce(jsonb_object_agg(t.key, t.value) FILTER (WHERE t.value <> 'null'), '{}') AS traits,
           max(x.text) FILTER (WHERE t.key = 'name') AS name,
           nullif(concat_ws(' ', max(x.text) FILTER (WHERE t.key IN ('first_name', 'firstName')),
                            max(x.text) FILTER (WHERE t.key IN ('last_name', 'lastName'))), '') AS full_name,
           max(x.text) FILTER (WHERE t.key = 'email') AS email
    FROM trait t
    CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(t.value) WHEN 'string'
                                    THEN nullif(left(btrim(t.value #>> '{}'), 200), '') END AS text) x
    GROUP BY t.profile_id
),
known AS MATERIALIZED (
    SELECT p.profile_id, min(p.value) FILTER (WHERE p.kind = 'email') AS email,
           array_agg(p.value ORDER BY p.strength, p.kind, p.value COLLATE "C") AS identifiers
    FROM people p
    GROUP BY p.profile_id
),
row_of AS MATERIALIZED (
    SELECT d.profile_id, d.intent_rank, d.intent_last_at, d.stage, d.furthest_stage, d.purchase_count,
           d.last_purchase_at, d.usage_first_at, d.last_used_at, d.activated_at, d.used_days, d.feature_last,
           q.first_seen_at, q.last_seen_at, coalesce(c.traits, '{}') AS traits,
           left(coalesce(c.name, c.full_name, c.email, n.email, n.identifiers[1]), 200) AS display_name,
           lower(concat_ws(E'\n', c.name, c.full_name, c.email, array_to_string(n.identifiers[1:100], E'\n')))
               AS search_text
    FROM derived d
    JOIN person q ON q.profile_id = d.profile_id
    JOIN known n ON n.profile_id = d.profile_id
    LEFT JOIN called c ON c.profile_id = d.profile_id
    WHERE d.target = -1
),
updated AS (
    UPDATE profile f SET
        display_name = r.display_name, traits = r.traits, search_text = r.search_text,
        first_seen_at = r.first_seen_at, last_seen_at = r.last_seen_at,
        intent_rank = r.intent_rank, intent_last_at = r.intent_last_at, stage = r.stage,
        furthest_stage = r.furthest_stage, purchase_count = r.purchase_count, last_purchase_at = r.last_purchase_at,
        usage_first_at = r.usage_first_at, last_used_at = r.last_used_at, activated_at = r.activated_at,
        used_days = r.used_days, feature_last = r.feature_last
    FROM row_of r
    WHERE f.workspace_id = $1 AND f.profile_id = r.profile_id
      AND (f.display_name, f.traits, f.search_text, f.first_seen_at, f.last_seen_at, f.intent_rank, f.intent_last_at,
           f.stage, f.furthest_stage, f.purchase_count, f.last_purchase_at, f.usage_first_at, f.last_used_at,
           f.activated_at, f.used_days, f.feature_last)
          IS DISTINCT FROM
          (r.display_name, r.traits, r.search_text, r.first_seen_at, r.last_seen_at, r.intent_rank, r.intent_last_at,
           r.stage, r.furthest_stage, r.purchase_count, r.last_purchase_at, r.usage_first_at, r.last_used_at,
           r.activated_at, r.used_days, r.feature_last)
),
stale AS MATERIALIZED (
    SELECT w.profile_id, m.account_id
    FROM (
        SELECT w.profile_id FROM unnest($2::bigint[]) AS w (profile_id)
        UNION ALL
        SELECT f.profile_id FROM profile f WHERE f.workspace_id = $1 AND f.merged_into = ANY($2::bigint[])
    ) w
    CROSS JOIN LATERAL (
        SELECT m.account_id FROM membership m WHERE m.workspace_id = $1 AND m.profile_id = w.profile_id OFFSET 0
    ) m
    WHERE NOT EXISTS (SELECT FROM member k WHERE k.profile_id = w.profile_id AND k.account_id = m.account_id)
),
gone AS (
    DELETE FROM membership m USING stale s
    WHERE m.workspace_id = $1 AND m.profile_id = s.profile_id AND m.account_id = s.account_id
)
INSERT INTO membership AS m
    (workspace_id, profile_id, account_id, own, scope, sources, since, until, intent_rank, intent_last_at, stage,
     furthest_stage, purchase_count, last_purchase_at, usage_first_at, last_used_at, activated_at, used_days,
     feature_last, influence_rank)
SELECT $1, k.profile_id, k.account_id, k.own, k.scope, k.sources, k.since, k.until, d.intent_rank, d.intent_last_at,
       d.stage, d.furthest_stage, d.purchase_count, d.last_purchase_at, d.usage_first_at, d.last_used_at,
       d.activated_at, d.used_days, d.feature_last, d.influence_rank
FROM member k
JOIN derived d ON d.profile_id = k.profile_id AND d.target = CASE WHEN k.whole THEN -1 ELSE k.account_id END
ORDER BY k.profile_id, k.account_id
ON CONFLICT (workspace_id, profile_id, account_id) DO UPDATE SET
    own = excluded.own, scope = excluded.scope, sources = excluded.sources, since = excluded.since,
    until = excluded.until, intent_rank = excluded.intent_rank, intent_last_at = excluded.intent_last_at,
    stage = excluded.stage, furthest_stage = excluded.furthest_stage, purchase_count = excluded.purchase_count,
    last_purchase_at = excluded.last_purchase_at, usage_first_at = excluded.usage_first_at,
    last_used_at = excluded.last_used_at, activated_at = excluded.activated_at, used_days = excluded.used_days,
    feature_last = excluded.feature_last, influence_rank = excluded.influence_rank
WHERE (m.own, m.scope, m.sources, m.since, m.until, m.intent_rank, m.intent_last_at, m.stage, m.furthest_stage,
       m.purchase_count, m.last_purchase_at, m.usage_first_at, m.last_used_at, m.activated_at, m.used_days,
       m.feature_last, m.influence_rank)
      IS DISTINCT FROM
      (excluded.own, excluded.scope, excluded.sources, excluded.since, excluded.until, excluded.intent_rank,
       excluded.intent_last_at, excluded.stage, excluded.furthest_stage, excluded.purchase_count,
       excluded.last_purchase_at, excluded.usage_first_at, excluded.last_used_at, excluded.activated_at,
       excluded.used_days, excluded.feature_last, excluded.influence_rank);
