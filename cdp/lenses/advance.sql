-- What a flush adds to the rows of profiles and memberships, whose locks the transaction holds. The columns are
-- commutative monoids like the summaries that they come from, so that adding to the row gives what `refresh` would
-- derive (refresh.sql), at a cost that does not grow with the history behind it.

-- name: standings
-- The memberships of profiles, in which of them facts without an account count, and whether a row can be added to:
-- a server from before there were units derives a row without them. ($1 workspace, $2 profile ids)
-- The range and its order have PostgreSQL take the index that begins with the profile, whatever it knows of the table.
SELECT w.profile_id, m.account_id, 0 = ANY (m.scope) AS home,
       m.intent_rank = m.intent_units::float8 / 1099511627776::float8 AS whole
FROM unnest($2::bigint[]) AS w (profile_id)
CROSS JOIN LATERAL (
    SELECT m.account_id, m.scope, m.intent_rank, m.intent_units FROM membership m
    WHERE m.workspace_id = $1 AND m.profile_id BETWEEN w.profile_id AND w.profile_id ORDER BY m.profile_id
) m;

-- name: advance
-- Adds to profiles (where `whole`) and to their memberships in the account `target` (where given), which may begin with
-- it: ($1 workspace, $2 now, and so on). Names and purchases are no sums: where a flush speaks of them they are derived on the
-- way, so that a row is written once; those of other rows that are there stay, which '' and -1 say.
-- ON CONFLICT is the one way to a row that no plan can turn into reading the whole table.
WITH added AS MATERIALIZED (
    SELECT a.profile_id, a.whole, a.target, a.source, a.since, p.scope, a.first_seen_at, a.last_seen_at,
           a.intent_units::numeric AS intent_units, a.intent_last_at, a.stage_units::numeric[] AS stage_units,
           a.usage_first_at, a.last_used_at, a.activated_at, a.used_days::date[] AS used_days,
           a.feature_last::jsonb AS feature_last, a.influence_units::numeric AS influence_units,
           coalesce(n.traits, '{}') AS traits, n.display_name, coalesce(n.search_text, '') AS search_text,
           coalesce(b.purchase_count, CASE WHEN a.born THEN 0 ELSE -1 END) AS purchase_count, b.last_purchase_at,
           coalesce(m.purchase_count, b.purchase_count, CASE WHEN a.joined THEN 0 ELSE -1 END) AS member_count,
           CASE WHEN m.purchase_count IS NULL THEN b.last_purchase_at ELSE m.last_purchase_at END AS member_last
    FROM unnest($3::bigint[], $4::boolean[], $5::bigint[], $6::boolean[], $7::text[], $8::timestamptz[],
                $9::boolean[], $10::boolean[], $11::boolean[], $12::boolean[], $13::boolean[],
                $14::timestamptz[], $15::timestamptz[], $16::text[], $17::timestamptz[], $18::text[],
                $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::text[], $23::text[], $24::text[])
        AS a (profile_id, whole, target, home, source, since, born, joined, named, bought, single, first_seen_at,
              last_seen_at, intent_units, intent_last_at, stage_units, usage_first_at, last_used_at, activated_at,
              used_days, feature_last, influence_units)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.home AND a.target > 0 THEN ARRAY[a.target, 0] ELSE ARRAY[a.target] END AS scope
    ) p
    LEFT JOIN LATERAL (
        SELECT n.traits, n.display_name, n.search_text
        FROM (SELECT WHERE a.named OFFSET 0) w CROSS JOIN LATERAL cdp.names_of($1, a.profile_id) n
    ) n ON true
    LEFT JOIN LATERAL (
        SELECT b.purchase_count, b.last_purchase_at
        FROM (SELECT WHERE a.bought AND a.whole OFFSET 0) w CROSS JOIN LATERAL cdp.purchases_of($1, a.profile_id, NULL) b
    ) b ON true
    -- In somebody's only membership (`single`) they are those of the profile.
    LEFT JOIN LATERAL (
        SELECT m.purchase_count, m.last_purchase_at
        FROM (SELECT WHERE a.bought AND a.target IS NOT NULL AND NOT (a.single AND a.whole) OFFSET 0) w
        CROSS JOIN LATERAL cdp.purchases_of($1, a.profile_id, p.scope) m
    ) m ON true
),
of_members AS (
    INSERT INTO membership AS m
        (workspace_id, profile_id, account_id, own, scope, sources, influence_units, influence_rank, intent_units,
         intent_rank, intent_last_at, stage_units, stage, furthest_stage, usage_first_at, last_used_at, activated_at,
         used_days, feature_last, since, purchase_count, last_purchase_at)
    SELECT $1, a.profile_id, a.target, a.target = 0 OR a.source IS NOT NULL, a.scope,
           CASE WHEN a.source IS NULL THEN '{}' ELSE ARRAY[a.source] END, a.influence_units,
           a.influence_units::float8 / 1099511627776::float8, a.intent_units, a.intent_units::float8 / 1099511627776::float8,
           a.intent_last_at, a.stage_units, cdp.strongest_stage('{}', a.stage_units), cdp.furthest_stage(a.stage_units),
           a.usage_first_at, a.last_used_at, a.activated_at, a.used_days, a.feature_last, a.since, a.member_count,
           a.member_last
    FROM added a WHERE a.target IS NOT NULL
    ON CONFLICT (workspace_id, profile_id, account_id) DO UPDATE SET
    influence_units = m.influence_units + excluded.influence_units,
    influence_rank = (m.influence_units + excluded.influence_units)::float8 / 1099511627776::float8,
    intent_units = m.intent_units + excluded.intent_units,
    intent_rank = (m.intent_units + excluded.intent_units)::float8 / 1099511627776::float8,
    intent_last_at = greatest(m.intent_last_at, excluded.intent_last_at),
    stage_units = CASE WHEN excluded.stage IS NULL THEN m.stage_units
                       ELSE cdp.sum_of_stages(m.stage_units, excluded.stage_units) END,
    stage = CASE WHEN excluded.stage IS NULL THEN m.stage
                 ELSE cdp.strongest_stage(m.stage_units, excluded.stage_units) END,
    furthest_stage = greatest(m.furthest_stage, excluded.furthest_stage),
    usage_first_at = least(m.usage_first_at, excluded.usage_first_at),
    last_used_at = greatest(m.last_used_at, excluded.last_used_at),
    activated_at = least(m.activated_at, excluded.activated_at),
    used_days = CASE
        WHEN excluded.last_used_at IS NULL THEN m.used_days
        WHEN m.last_used_at IS NULL THEN excluded.used_days
        WHEN excluded.last_used_at <= m.last_used_at AND excluded.used_days <@ m.used_days THEN m.used_days
        WHEN cdp.fits_between(m.used_days, excluded.used_days, greatest(m.last_used_at, excluded.last_used_at))
            THEN cdp.put_between(m.used_days, excluded.used_days)
        ELSE cdp.days_of_both(m.used_days, excluded.used_days, greatest(m.last_used_at, excluded.last_used_at)) END,
    feature_last = CASE
        WHEN excluded.feature_last = '{}' THEN m.feature_last
        WHEN m.last_used_at IS NULL OR m.last_used_at <= excluded.usage_first_at
            THEN m.feature_last || excluded.feature_last
        ELSE cdp.latest_of_each(m.feature_last, excluded.feature_last) END,
    purchase_count = CASE WHEN excluded.purchase_count < 0 THEN m.purchase_count ELSE excluded.purchase_count END,
    last_purchase_at = CASE WHEN excluded.purchase_count < 0 THEN m.last_purchase_at ELSE excluded.last_purchase_at END
)
INSERT INTO profile AS f
    (workspace_id, profile_id, created_at, first_seen_at, last_seen_at, intent_units, intent_rank, intent_last_at,
     stage_units, stage, furthest_stage, usage_first_at, last_used_at, activated_at, used_days, feature_last, traits,
     display_name, search_text, purchase_count, last_purchase_at)
SELECT $1, a.profile_id, $2, a.first_seen_at, a.last_seen_at, a.intent_units, a.intent_units::float8 / 1099511627776::float8,
           a.intent_last_at, a.stage_units, cdp.strongest_stage('{}', a.stage_units), cdp.furthest_stage(a.stage_units),
           a.usage_first_at, a.last_used_at, a.activated_at, a.used_days, a.feature_last, a.traits, a.display_name,
           a.search_text, a.purchase_count, a.last_purchase_at
FROM added a WHERE a.whole
ON CONFLICT (workspace_id, profile_id) DO UPDATE SET
    first_seen_at = least(f.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(f.last_seen_at, excluded.last_seen_at),
    intent_units = f.intent_units + excluded.intent_units,
    intent_rank = (f.intent_units + excluded.intent_units)::float8 / 1099511627776::float8,
    intent_last_at = greatest(f.intent_last_at, excluded.intent_last_at),
    stage_units = CASE WHEN excluded.stage IS NULL THEN f.stage_units
                       ELSE cdp.sum_of_stages(f.stage_units, excluded.stage_units) END,
    stage = CASE WHEN excluded.stage IS NULL THEN f.stage
                 ELSE cdp.strongest_stage(f.stage_units, excluded.stage_units) END,
    furthest_stage = greatest(f.furthest_stage, excluded.furthest_stage),
    usage_first_at = least(f.usage_first_at, excluded.usage_first_at),
    last_used_at = greatest(f.last_used_at, excluded.last_used_at),
    activated_at = least(f.activated_at, excluded.activated_at),
    used_days = CASE
        WHEN excluded.last_used_at IS NULL THEN f.used_days
        WHEN f.last_used_at IS NULL THEN excluded.used_days
        WHEN excluded.last_used_at <= f.last_used_at AND excluded.used_days <@ f.used_days THEN f.used_days
        WHEN cdp.fits_between(f.used_days, excluded.used_days, greatest(f.last_used_at, excluded.last_used_at))
            THEN cdp.put_between(f.used_days, excluded.used_days)
        ELSE cdp.days_of_both(f.used_days, excluded.used_days, greatest(f.last_used_at, excluded.last_used_at)) END,
    feature_last = CASE
        WHEN excluded.feature_last = '{}' THEN f.feature_last
        WHEN f.last_used_at IS NULL OR f.last_used_at <= excluded.usage_first_at
            THEN f.feature_last || excluded.feature_last
        ELSE cdp.latest_of_each(f.feature_last, excluded.feature_last) END,
    traits = CASE WHEN excluded.search_text = '' THEN f.traits ELSE excluded.traits END,
    display_name = CASE WHEN excluded.search_text = '' THEN f.display_name ELSE excluded.display_name END,
    search_text = CASE WHEN excluded.search_text = '' THEN f.search_text ELSE excluded.search_text END,
    purchase_count = CASE WHEN excluded.purchase_count < 0 THEN f.purchase_count ELSE excluded.purchase_count END,
    last_purchase_at = CASE WHEN excluded.purchase_count < 0 THEN f.last_purchase_at ELSE excluded.last_purchase_at END;

-- name: begin_profiles
-- Makes the rows of new profiles that are to be derived: ($1 workspace, $2 now, $3 profile ids).
INSERT INTO profile (workspace_id, profile_id, created_at)
SELECT $1, p.profile_id, $2 FROM unnest($3::bigint[]) AS p (profile_id) ORDER BY p.profile_id
ON CONFLICT (workspace_id, profile_id) DO NOTHING;
