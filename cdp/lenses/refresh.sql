-- Everything in the rows of profiles and memberships, derived from the summaries of their nodes.
-- LATERAL … OFFSET 0 makes the way in one index range a node, whatever the statistics of tables that grow quickly say.

-- name: refresh
-- Derives which memberships there are, the names of profiles, and the figures of both: ($1 workspace, $2 profile ids).
WITH steps AS MATERIALIZED (
    SELECT ARRAY(SELECT jsonb_array_elements_text(w.settings -> 'onboarding_steps')) AS names
    FROM workspace w WHERE w.workspace_id = $1
),
people AS MATERIALIZED (
    SELECT n.node_id, n.profile_id
    FROM unnest($2::bigint[]) AS w (profile_id)
    CROSS JOIN LATERAL (
        SELECT n.node_id, n.profile_id FROM node n
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
-- Which accounts the person is in. What an e-mail domain suggests counts while nothing explicit says otherwise.
evidence AS MATERIALIZED (
    SELECT p.profile_id, p.node_id, e.account_id, e.source, e.since, e.until, e.occurred_at, e.message_id,
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
           coalesce((array_agg(e.since ORDER BY e.occurred_at DESC, e.message_id COLLATE "C" DESC, e.node_id DESC)
                         FILTER (WHERE e.source = 'human'))[1],
                    min(e.since) FILTER (WHERE e.source <> 'human')) AS since,
           CASE WHEN bool_or(e.source = 'human')
                THEN (array_agg(e.until ORDER BY e.occurred_at DESC, e.message_id COLLATE "C" DESC, e.node_id DESC)
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
    SELECT k.profile_id, k.target, coalesce(sum(k.units) FILTER (WHERE k.kind = 'signal'), 0) AS intent_units,
           max(k.last_at) FILTER (WHERE k.kind = 'signal') AS intent_last_at,
           ARRAY[max(k.units) FILTER (WHERE k.stage = 'AWARENESS'), max(k.units) FILTER (WHERE k.stage = 'RESEARCH'),
                 max(k.units) FILTER (WHERE k.stage = 'COMPARISON'), max(k.units) FILTER (WHERE k.stage = 'PRICING'),
                 max(k.units) FILTER (WHERE k.stage = 'NEGOTIATION'), max(k.units) FILTER (WHERE k.stage = 'PURCHASE'),
                 max(k.units) FILTER (WHERE k.stage = 'RENEWAL')] AS stage_units,
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
           coalesce(sum(k.units) FILTER (WHERE k.kind = 'influence'), 0) AS influence_units
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
derived AS MATERIALIZED (
    SELECT g.profile_id, g.target, coalesce(l.intent_units, 0) AS intent_units,
           coalesce(l.intent_units, 0)::float8 / 1099511627776::float8 AS intent_rank, l.intent_last_at,
           coalesce(l.stage_units, '{NULL,NULL,NULL,NULL,NULL,NULL,NULL}') AS stage_units, s.stage, l.furthest_stage,
           l.usage_first_at, l.last_used_at, l.activated_at, coalesce(u.used_days, '{}') AS used_days,
           coalesce(l.feature_last, '{}') AS feature_last, coalesce(l.influence_units, 0) AS influence_units,
           b.purchase_count, b.last_purchase_at
    FROM (
        SELECT q.profile_id, -1::bigint AS target, NULL::bigint[] AS scope FROM person q
        UNION ALL
        SELECT m.profile_id, m.account_id, m.scope FROM member m WHERE NOT m.whole
    ) g
    CROSS JOIN LATERAL cdp.purchases_of($1, g.profile_id, g.scope) b
    LEFT JOIN panel l ON l.profile_id = g.profile_id AND l.target = g.target
    LEFT JOIN strongest s ON s.profile_id = g.profile_id AND s.target = g.target
    LEFT JOIN used u ON u.profile_id = g.profile_id AND u.target = g.target
),
updated AS (
    INSERT INTO profile AS f
        (workspace_id, profile_id, first_seen_at, last_seen_at, intent_units, intent_rank, intent_last_at, stage_units,
         stage, furthest_stage, usage_first_at, last_used_at, activated_at, used_days, feature_last, purchase_count,
         last_purchase_at, traits, display_name, search_text)
    SELECT $1, q.profile_id, q.first_seen_at, q.last_seen_at, d.intent_units, d.intent_rank, d.intent_last_at,
           d.stage_units, d.stage, d.furthest_stage, d.usage_first_at, d.last_used_at, d.activated_at, d.used_days,
           d.feature_last, d.purchase_count, d.last_purchase_at, n.traits, n.display_name, n.search_text
    FROM derived d JOIN person q ON q.profile_id = d.profile_id CROSS JOIN LATERAL cdp.names_of($1, d.profile_id) n
    WHERE d.target = -1
    ON CONFLICT (workspace_id, profile_id) DO UPDATE SET
        first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
        intent_units = excluded.intent_units, intent_rank = excluded.intent_rank,
        intent_last_at = excluded.intent_last_at, stage_units = excluded.stage_units, stage = excluded.stage,
        furthest_stage = excluded.furthest_stage, usage_first_at = excluded.usage_first_at,
        last_used_at = excluded.last_used_at, activated_at = excluded.activated_at, used_days = excluded.used_days,
        feature_last = excluded.feature_last, purchase_count = excluded.purchase_count,
        last_purchase_at = excluded.last_purchase_at, traits = excluded.traits, display_name = excluded.display_name,
        search_text = excluded.search_text
    WHERE (f.first_seen_at, f.last_seen_at, f.intent_units, f.intent_rank, f.intent_last_at, f.stage_units, f.stage,
           f.furthest_stage, f.usage_first_at, f.last_used_at, f.activated_at, f.used_days, f.feature_last,
           f.purchase_count, f.last_purchase_at, f.traits, f.display_name, f.search_text)
          IS DISTINCT FROM
          (excluded.first_seen_at, excluded.last_seen_at, excluded.intent_units, excluded.intent_rank,
           excluded.intent_last_at, excluded.stage_units, excluded.stage, excluded.furthest_stage,
           excluded.usage_first_at, excluded.last_used_at, excluded.activated_at, excluded.used_days,
           excluded.feature_last, excluded.purchase_count, excluded.last_purchase_at, excluded.traits,
           excluded.display_name, excluded.search_text)
),
stale AS MATERIALIZED (
    SELECT w.profile_id, m.account_id
    FROM (
        SELECT w.profile_id FROM unnest($2::bigint[]) AS w (profile_id)
        UNION ALL
        SELECT f.profile_id FROM profile f WHERE f.workspace_id = $1 AND f.merged_into = ANY($2::bigint[])
    ) w
    CROSS JOIN LATERAL (
        SELECT m.account_id FROM membership m
        WHERE m.workspace_id = $1 AND m.profile_id BETWEEN w.profile_id AND w.profile_id ORDER BY m.profile_id
    ) m
    WHERE NOT EXISTS (SELECT FROM member k WHERE k.profile_id = w.profile_id AND k.account_id = m.account_id)
),
gone AS (
    DELETE FROM membership m USING stale s
    WHERE m.workspace_id = $1 AND m.profile_id = s.profile_id AND m.account_id = s.account_id
)
INSERT INTO membership AS m
    (workspace_id, profile_id, account_id, own, scope, sources, since, until, intent_units, intent_rank, intent_last_at,
     stage_units, stage, furthest_stage, usage_first_at, last_used_at, activated_at, used_days, feature_last,
     influence_units, influence_rank, purchase_count, last_purchase_at)
SELECT $1, k.profile_id, k.account_id, k.own, k.scope, k.sources, k.since, k.until, d.intent_units, d.intent_rank,
       d.intent_last_at, d.stage_units, d.stage, d.furthest_stage, d.usage_first_at, d.last_used_at, d.activated_at,
       d.used_days, d.feature_last, d.influence_units, d.influence_units::float8 / 1099511627776::float8,
       d.purchase_count, d.last_purchase_at
FROM member k
JOIN derived d ON d.profile_id = k.profile_id AND d.target = CASE WHEN k.whole THEN -1 ELSE k.account_id END
ORDER BY k.profile_id, k.account_id
ON CONFLICT (workspace_id, profile_id, account_id) DO UPDATE SET
    own = excluded.own, scope = excluded.scope, sources = excluded.sources, since = excluded.since,
    until = excluded.until, intent_units = excluded.intent_units, intent_rank = excluded.intent_rank,
    intent_last_at = excluded.intent_last_at, stage_units = excluded.stage_units, stage = excluded.stage,
    furthest_stage = excluded.furthest_stage, usage_first_at = excluded.usage_first_at,
    last_used_at = excluded.last_used_at, activated_at = excluded.activated_at, used_days = excluded.used_days,
    feature_last = excluded.feature_last, influence_units = excluded.influence_units,
    influence_rank = excluded.influence_rank, purchase_count = excluded.purchase_count,
    last_purchase_at = excluded.last_purchase_at
WHERE (m.own, m.scope, m.sources, m.since, m.until, m.intent_units, m.intent_rank, m.intent_last_at, m.stage_units,
       m.stage, m.furthest_stage, m.usage_first_at, m.last_used_at, m.activated_at, m.used_days, m.feature_last,
       m.influence_units, m.influence_rank, m.purchase_count, m.last_purchase_at)
      IS DISTINCT FROM
      (excluded.own, excluded.scope, excluded.sources, excluded.since, excluded.until, excluded.intent_units,
       excluded.intent_rank, excluded.intent_last_at, excluded.stage_units, excluded.stage, excluded.furthest_stage,
       excluded.usage_first_at, excluded.last_used_at, excluded.activated_at, excluded.used_days,
       excluded.feature_last, excluded.influence_units, excluded.influence_rank, excluded.purchase_count,
       excluded.last_purchase_at);
