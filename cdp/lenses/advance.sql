-- What a flush adds to the rows of profiles and memberships, whose locks the transaction holds. The columns are
-- commutative monoids like the summaries that they come from, so that adding to the row gives what `refresh` would
-- derive (refresh.sql), at a cost that does not grow with the history behind it.

-- name: standings
-- The memberships of profiles, in which of them facts without an account count, and whether a row can be added to:
-- a server from before there were units derives a row without them. ($1 workspace, $2 profile ids)
SELECT w.profile_id, m.account_id, 0 = ANY (m.scope) AS home,
       m.intent_rank = m.intent_units::float8 / 1099511627776::float8 AS whole
FROM unnest($2::bigint[]) AS w (profile_id)
CROSS JOIN LATERAL (
    SELECT m.account_id, m.scope, m.intent_rank, m.intent_units FROM membership m
    WHERE m.workspace_id = $1 AND m.profile_id = w.profile_id OFFSET 0
) m;

-- name: advance
-- Adds to profiles (where `whole`) and to their memberships in the account `target` (where given), which begin with it.
-- ON CONFLICT is the one way to a row that no plan can turn into reading the whole table.
WITH added AS MATERIALIZED (
    SELECT a.profile_id, a.whole, a.target, a.first_seen_at, a.last_seen_at, a.intent_units::numeric AS intent_units,
           a.intent_last_at, a.stage_units::numeric[] AS stage_units, a.usage_first_at, a.last_used_at, a.activated_at,
           a.used_days::date[] AS used_days, a.feature_last::jsonb AS feature_last,
           a.influence_units::numeric AS influence_units
    FROM unnest($2::bigint[], $3::boolean[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[],
                $8::timestamptz[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[],
                $14::text[], $15::text[])
        AS a (profile_id, whole, target, first_seen_at, last_seen_at, intent_units, intent_last_at, stage_units,
              usage_first_at, last_used_at, activated_at, used_days, feature_last, influence_units)
),
of_members AS (
    INSERT INTO membership AS m
        (workspace_id, profile_id, account_id, own, scope, sources, influence_units, influence_rank, intent_units,
         intent_rank, intent_last_at, stage_units, stage, furthest_stage, usage_first_at, last_used_at, activated_at,
         used_days, feature_last)
    SELECT $1, a.profile_id, a.target, a.target = 0, ARRAY[a.target], '{}', a.influence_units,
           a.influence_units::float8 / 1099511627776::float8, a.intent_units, a.intent_units::float8 / 1099511627776::float8,
           a.intent_last_at, a.stage_units, cdp.strongest_stage('{}', a.stage_units), cdp.furthest_stage(a.stage_units),
           a.usage_first_at, a.last_used_at, a.activated_at, a.used_days, a.feature_last
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
        ELSE cdp.latest_of_each(m.feature_last, excluded.feature_last) END
)
INSERT INTO profile AS f
    (workspace_id, profile_id, first_seen_at, last_seen_at, intent_units, intent_rank, intent_last_at, stage_units,
     stage, furthest_stage, usage_first_at, last_used_at, activated_at, used_days, feature_last)
SELECT $1, a.profile_id, a.first_seen_at, a.last_seen_at, a.intent_units, a.intent_units::float8 / 1099511627776::float8,
           a.intent_last_at, a.stage_units, cdp.strongest_stage('{}', a.stage_units), cdp.furthest_stage(a.stage_units),
           a.usage_first_at, a.last_used_at, a.activated_at, a.used_days, a.feature_last
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
        ELSE cdp.latest_of_each(f.feature_last, excluded.feature_last) END;
