-- What the peers read: views over the product's own tables, of one workspace, with the formulas of both panels in SQL.
-- Columns that a query does not select cost nothing. Row-level security does not apply to the role that reads them.
-- Names after a dollar sign are filled in: numbers of the workspace's settings, and from peers.py what views repeat
-- (a function with a subquery in it is called row by row, while this becomes part of the reading statement).

CREATE SCHEMA reading;

CREATE FUNCTION reading.decay() RETURNS float8 LANGUAGE sql STABLE
RETURN 2.0::float8 ^ (-extract(epoch FROM now() - '$epoch'::timestamptz)::float8 / ($half_life_days * 86400));

CREATE FUNCTION reading.level(score float8) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN score >= $hot_score THEN 'HOT' WHEN score >= $warm_score THEN 'WARM' ELSE 'COLD' END;

CREATE VIEW reading.profile AS
SELECT p.profile_id, p.display_name, p.intent_rank,
       -- As the product's index has it.
       CASE WHEN p.last_seen_at IS NULL THEN '-infinity'::timestamptz ELSE p.last_seen_at END AS last_seen_at,
       round((p.intent_rank * reading.decay())::numeric, 6)::float8 AS score,
       reading.level(p.intent_rank * reading.decay()) AS level,
       p.stage, p.furthest_stage, p.purchase_count,
       $phase_p AS phase,
       round((SELECT count(*) FROM jsonb_each_text(p.feature_last) AS f (key, last)
              WHERE (f.last::timestamptz AT TIME ZONE 'UTC')::date > (now() AT TIME ZONE 'UTC')::date - $window_days
                AND f.key = ANY (ARRAY(SELECT g.key FROM feature g WHERE g.workspace_id = $workspace)))::numeric
             / nullif((SELECT count(*) FROM feature g WHERE g.workspace_id = $workspace), 0), 6)::float8 AS adoption_rate,
       $active_p AS active_days,
       round($active_p::numeric / $window_days, 6)::float8 AS stickiness,
       p.last_used_at
FROM profile p
WHERE p.workspace_id = $workspace AND p.merged_into IS NULL;
COMMENT ON VIEW reading.profile IS '@primaryKey profile_id';

CREATE VIEW reading.identifier AS
SELECT n.kind, n.value, n.profile_id FROM node n WHERE n.workspace_id = $workspace;
COMMENT ON VIEW reading.identifier IS E'@primaryKey kind,value\n@foreignKey (profile_id) references reading.profile (profile_id)|@fieldName profile|@foreignFieldName identifiers';

CREATE VIEW reading.signal AS
SELECT n.profile_id, t.key AS name, sum(t.count)::integer AS count, min(t.first_at) AS first_at,
       max(t.last_at) AS last_at, sum(t.units) AS units,
       round(((sum(t.units) / 1099511627776)::float8 * reading.decay())::numeric, 6)::float8 AS weight
FROM node n JOIN summary_tally t ON t.workspace_id = $workspace AND t.node_id = n.node_id AND t.kind = 'signal'
WHERE n.workspace_id = $workspace
GROUP BY n.profile_id, t.key;
COMMENT ON VIEW reading.signal IS E'@primaryKey profile_id,name\n@foreignKey (profile_id) references reading.profile (profile_id)|@foreignFieldName signals';

CREATE VIEW reading.feature_use AS
SELECT n.profile_id, t.key, sum(t.count)::integer AS count, min(t.first_at) AS first_at, max(t.last_at) AS last_at
FROM node n JOIN summary_tally t ON t.workspace_id = $workspace AND t.node_id = n.node_id AND t.kind = 'feature'
WHERE n.workspace_id = $workspace
GROUP BY n.profile_id, t.key;
COMMENT ON VIEW reading.feature_use IS E'@primaryKey profile_id,key\n@foreignKey (profile_id) references reading.profile (profile_id)|@foreignFieldName features';

CREATE VIEW reading.purchase_total AS
SELECT o.profile_id, o.currency, sum(o.amount) AS amount
FROM (
    SELECT n.profile_id,
           (array_agg(o.currency ORDER BY o.total_at DESC NULLS LAST,
                                          o.total_message_id COLLATE "C" DESC NULLS LAST))[1] AS currency,
           greatest((array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                                o.total_message_id COLLATE "C" DESC NULLS LAST))[1]
                    - sum(o.refunded), 0) AS amount
    FROM node n JOIN summary_order o ON o.workspace_id = $workspace AND o.node_id = n.node_id
    WHERE n.workspace_id = $workspace
    GROUP BY n.profile_id, o.order_id
    HAVING bool_or(o.total_at IS NOT NULL) AND NOT bool_or(o.cancelled) AND NOT bool_or(o.refunded_whole)
       AND NOT (sum(o.refunded) > 0 AND sum(o.refunded)
                >= (array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                               o.total_message_id COLLATE "C" DESC NULLS LAST))[1])
) o
GROUP BY o.profile_id, o.currency;
COMMENT ON VIEW reading.purchase_total IS E'@primaryKey profile_id,currency\n@foreignKey (profile_id) references reading.profile (profile_id)|@foreignFieldName totals';

CREATE VIEW reading.account AS
SELECT a.account_id, a.name, a.domain FROM account a WHERE a.workspace_id = $workspace AND a.merged_into IS NULL;
COMMENT ON VIEW reading.account IS E'@primaryKey account_id\n@unique domain';

CREATE VIEW reading.membership AS
SELECT m.profile_id, m.account_id, m.since, m.intent_rank,
       round((m.intent_rank * reading.decay())::numeric, 6)::float8 AS score,
       reading.level(m.intent_rank * reading.decay()) AS level,
       $phase_m AS phase,
       $active_m AS active_days, m.last_used_at
FROM membership m
WHERE m.workspace_id = $workspace;
COMMENT ON VIEW reading.membership IS E'@primaryKey profile_id,account_id\n@foreignKey (profile_id) references reading.profile (profile_id)|@fieldName person|@foreignFieldName memberships\n@foreignKey (account_id) references reading.account (account_id)|@fieldName account|@foreignFieldName people';

CREATE VIEW reading.role_claim AS
SELECT c.profile_id, c.account_id, c.role, c.confidence, c.source, c.since
FROM role_claim c
WHERE c.workspace_id = $workspace AND (c.until IS NULL OR c.until > now())
UNION ALL
SELECT n.profile_id, s.account_id, s.role, 1, 'human:' || s.asserted_by, s.since
FROM node n JOIN role_assertion s ON s.workspace_id = $workspace AND s.node_id = n.node_id
WHERE n.workspace_id = $workspace AND (s.until IS NULL OR s.until > now());
COMMENT ON VIEW reading.role_claim IS E'@foreignKey (profile_id, account_id) references reading.membership (profile_id, account_id)|@foreignFieldName roles';

-- Who holds which role in an account, the keenest first.
CREATE VIEW reading.holder AS
SELECT m.account_id, m.profile_id, c.role, m.intent_rank
FROM membership m
CROSS JOIN LATERAL (SELECT DISTINCT c.role FROM reading.role_claim c
                    WHERE c.profile_id = m.profile_id AND c.account_id = m.account_id) c
WHERE m.workspace_id = $workspace;
COMMENT ON VIEW reading.holder IS E'@primaryKey account_id,profile_id,role\n@foreignKey (account_id) references reading.account (account_id)|@foreignFieldName holders\n@foreignKey (profile_id, account_id) references reading.membership (profile_id, account_id)|@fieldName membership';

CREATE VIEW reading.account_figures AS
SELECT a.account_id, round((v.intent_rank * reading.decay())::numeric, 6)::float8 AS score,
       reading.level(v.intent_rank * reading.decay()) AS level,
       (SELECT t.key::buying_stage
        FROM membership m
        JOIN node n ON n.workspace_id = $workspace AND n.profile_id = m.profile_id
        JOIN summary_tally t ON t.workspace_id = $workspace AND t.node_id = n.node_id AND t.kind = 'stage'
         AND t.account_id = ANY (m.scope)
        WHERE m.workspace_id = $workspace AND m.account_id = a.account_id
        GROUP BY t.key ORDER BY sum(t.units) DESC, t.key::buying_stage DESC LIMIT 1) AS stage,
       v.purchase_count::integer AS purchase_count,
       (SELECT $phase_u
        FROM (SELECT v.last_used_at, v.activated_at,
                     (SELECT array_agg(DISTINCT d.day)
                      FROM membership m CROSS JOIN LATERAL unnest(m.used_days) AS d (day)
                      WHERE m.workspace_id = $workspace AND m.account_id = a.account_id) AS used_days,
                     (SELECT jsonb_object_agg(f.key, f.last) FROM (
                          SELECT f.key, max(f.last::timestamptz) AS last
                          FROM membership m CROSS JOIN LATERAL jsonb_each_text(m.feature_last) AS f (key, last)
                          WHERE m.workspace_id = $workspace AND m.account_id = a.account_id
                          GROUP BY f.key) f) AS feature_last
              OFFSET 0) u) AS phase,
       (SELECT count(*)::integer FROM membership m
        WHERE m.workspace_id = $workspace AND m.account_id = a.account_id
          AND EXISTS (SELECT FROM unnest(m.used_days) AS d (day)
                      WHERE d.day > (now() AT TIME ZONE 'UTC')::date - 30
                        AND d.day <= (now() AT TIME ZONE 'UTC')::date)) AS monthly
FROM account a
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.intent_rank), 0) AS intent_rank, coalesce(sum(m.purchase_count), 0) AS purchase_count,
           max(m.last_used_at) AS last_used_at, min(m.activated_at) AS activated_at
    FROM membership m WHERE m.workspace_id = $workspace AND m.account_id = a.account_id
) v
WHERE a.workspace_id = $workspace AND a.merged_into IS NULL;
COMMENT ON VIEW reading.account_figures IS E'@primaryKey account_id\n@foreignKey (account_id) references reading.account (account_id)|@foreignFieldName figures';
