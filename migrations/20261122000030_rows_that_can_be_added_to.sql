-- migrate:up

-- The exact weights behind intent_rank, stage and influence_rank, in units as in summary_tally: with them a flush can add
-- to the row what it adds to the summaries. stage_units: one for each stage in the order of the type, null while it was
-- never seen.
ALTER TABLE profile
    ADD COLUMN intent_units numeric NOT NULL DEFAULT 0,
    ADD COLUMN stage_units numeric[] NOT NULL DEFAULT '{NULL,NULL,NULL,NULL,NULL,NULL,NULL}';
ALTER TABLE membership
    ADD COLUMN intent_units numeric NOT NULL DEFAULT 0,
    ADD COLUMN stage_units numeric[] NOT NULL DEFAULT '{NULL,NULL,NULL,NULL,NULL,NULL,NULL}',
    ADD COLUMN influence_units numeric NOT NULL DEFAULT 0;

-- The sums of the rows that there are. Row-level security is forced on the owner too, who sees no row otherwise.
CREATE POLICY owner_sums ON node FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_sums ON summary_tally FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_sums ON profile TO CURRENT_USER USING (true);
CREATE POLICY owner_sums ON membership TO CURRENT_USER USING (true);

CREATE TEMPORARY TABLE summed ON COMMIT DROP AS
SELECT n.workspace_id, n.profile_id, t.account_id, t.kind, t.key, sum(t.units) AS units
FROM summary_tally t JOIN node n ON n.workspace_id = t.workspace_id AND n.node_id = t.node_id
WHERE t.kind IN ('signal', 'stage', 'influence')
GROUP BY n.workspace_id, n.profile_id, t.account_id, t.kind, t.key;

UPDATE profile p SET intent_units = s.intent, stage_units = s.stages
FROM (
    SELECT s.workspace_id, s.profile_id, coalesce(sum(s.units) FILTER (WHERE s.kind = 'signal'), 0) AS intent,
           ARRAY(SELECT (SELECT sum(o.units) FROM summed o
                         WHERE o.workspace_id = s.workspace_id AND o.profile_id = s.profile_id
                           AND o.kind = 'stage' AND o.key = stage::text)
                 FROM unnest(enum_range(NULL::buying_stage)) AS stage ORDER BY stage) AS stages
    FROM summed s GROUP BY s.workspace_id, s.profile_id
) s
WHERE p.workspace_id = s.workspace_id AND p.profile_id = s.profile_id;

UPDATE membership m SET intent_units = s.intent, stage_units = s.stages, influence_units = s.influence
FROM (
    SELECT k.workspace_id, k.profile_id, k.account_id,
           coalesce(sum(s.units) FILTER (WHERE s.kind = 'signal'), 0) AS intent,
           coalesce(sum(s.units) FILTER (WHERE s.kind = 'influence'), 0) AS influence,
           ARRAY(SELECT (SELECT sum(o.units) FROM summed o
                         WHERE o.workspace_id = k.workspace_id AND o.profile_id = k.profile_id
                           AND o.account_id = ANY (k.scope) AND o.kind = 'stage' AND o.key = stage::text)
                 FROM unnest(enum_range(NULL::buying_stage)) AS stage ORDER BY stage) AS stages
    FROM membership k
    JOIN summed s ON s.workspace_id = k.workspace_id AND s.profile_id = k.profile_id AND s.account_id = ANY (k.scope)
    GROUP BY k.workspace_id, k.profile_id, k.account_id, k.scope
) s
WHERE m.workspace_id = s.workspace_id AND m.profile_id = s.profile_id AND m.account_id = s.account_id;

DROP POLICY owner_sums ON membership;
DROP POLICY owner_sums ON profile;
DROP POLICY owner_sums ON summary_tally;
DROP POLICY owner_sums ON node;

-- How two parts of a row are added (advance.sql). The first four are plain expressions, which PostgreSQL writes into the
-- statement; the last two are for the few rows where something comes late or is new.
CREATE FUNCTION cdp.sum_of_stage(one numeric[], other numeric[], place integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN one[place] IS NULL THEN other[place] WHEN other[place] IS NULL THEN one[place]
                ELSE one[place] + other[place] END
$$;
CREATE FUNCTION cdp.sum_of_stages(one numeric[], other numeric[]) RETURNS numeric[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY[cdp.sum_of_stage(one, other, 1), cdp.sum_of_stage(one, other, 2), cdp.sum_of_stage(one, other, 3),
                 cdp.sum_of_stage(one, other, 4), cdp.sum_of_stage(one, other, 5), cdp.sum_of_stage(one, other, 6),
                 cdp.sum_of_stage(one, other, 7)]
$$;
-- Of equally strong stages the later one.
CREATE FUNCTION cdp.strongest_stage(one numeric[], other numeric[]) RETURNS buying_stage
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE greatest(cdp.sum_of_stage(one, other, 1), cdp.sum_of_stage(one, other, 2),
                         cdp.sum_of_stage(one, other, 3), cdp.sum_of_stage(one, other, 4),
                         cdp.sum_of_stage(one, other, 5), cdp.sum_of_stage(one, other, 6),
                         cdp.sum_of_stage(one, other, 7))
        WHEN cdp.sum_of_stage(one, other, 7) THEN 'RENEWAL'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 6) THEN 'PURCHASE'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 5) THEN 'NEGOTIATION'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 4) THEN 'PRICING'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 3) THEN 'COMPARISON'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 2) THEN 'RESEARCH'::buying_stage
        WHEN cdp.sum_of_stage(one, other, 1) THEN 'AWARENESS'::buying_stage
    END
$$;
CREATE FUNCTION cdp.furthest_stage(units numeric[]) RETURNS buying_stage
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN units[7] IS NOT NULL THEN 'RENEWAL'::buying_stage
                WHEN units[6] IS NOT NULL THEN 'PURCHASE'::buying_stage
                WHEN units[5] IS NOT NULL THEN 'NEGOTIATION'::buying_stage
                WHEN units[4] IS NOT NULL THEN 'PRICING'::buying_stage
                WHEN units[3] IS NOT NULL THEN 'COMPARISON'::buying_stage
                WHEN units[2] IS NOT NULL THEN 'RESEARCH'::buying_stage
                WHEN units[1] IS NOT NULL THEN 'AWARENESS'::buying_stage END
$$;
CREATE FUNCTION cdp.days_of_both(one date[], other date[], last_used_at timestamptz) RETURNS date[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY(SELECT DISTINCT d.day FROM unnest(one || other) AS d (day)
                 WHERE d.day >= (last_used_at AT TIME ZONE 'UTC')::date - 400 ORDER BY d.day)
$$;
-- {key: moment in ISO 8601, UTC}: such texts are in the order of time, of whatever precision they are.
CREATE FUNCTION cdp.latest_of_each(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_object_agg(e.key, e.moment)
    FROM (
        SELECT b.key, max(b.moment COLLATE "C") AS moment
        FROM (SELECT o.key, o.value AS moment FROM jsonb_each_text(one) AS o (key, value)
              UNION ALL SELECT o.key, o.value FROM jsonb_each_text(other) AS o (key, value)) b
        GROUP BY b.key
    ) e
$$;

-- migrate:down
DROP FUNCTION cdp.latest_of_each(jsonb, jsonb), cdp.days_of_both(date[], date[], timestamptz),
    cdp.furthest_stage(numeric[]), cdp.strongest_stage(numeric[], numeric[]),
    cdp.sum_of_stages(numeric[], numeric[]), cdp.sum_of_stage(numeric[], numeric[], integer);
ALTER TABLE membership DROP COLUMN intent_units, DROP COLUMN stage_units, DROP COLUMN influence_units;
ALTER TABLE profile DROP COLUMN intent_units, DROP COLUMN stage_units;
