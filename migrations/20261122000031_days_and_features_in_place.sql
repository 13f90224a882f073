-- migrate:up

-- Most often what a flush adds to the days of usage is one day, and adding it needs no query: where it is not among them,
-- and leaves none of them more than 400 days behind the last, it is put between them. Plain expressions, which PostgreSQL
-- writes into the statement.
CREATE FUNCTION cdp.fits_between(days date[], added date[], last_used_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT cardinality(added) = 1 AND NOT added[1] = ANY (days)
       AND least(days[1], added[1]) >= (last_used_at AT TIME ZONE 'UTC')::date - 400
$$;
CREATE FUNCTION cdp.put_between(days date[], added date[]) RETURNS date[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT days[1:width_bucket(added[1], days)] || added[1] || days[width_bucket(added[1], days) + 1:]
$$;

-- As before, without planning a query for each row.
CREATE OR REPLACE FUNCTION cdp.latest_of_each(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    feature text;
BEGIN
    FOREACH feature IN ARRAY ARRAY(SELECT jsonb_object_keys(other)) LOOP
        IF NOT coalesce((one ->> feature) COLLATE "C" >= other ->> feature, false) THEN
            one := jsonb_set(one, ARRAY[feature], other -> feature);
        END IF;
    END LOOP;
    RETURN one;
END
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION cdp.latest_of_each(one jsonb, other jsonb) RETURNS jsonb
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
DROP FUNCTION cdp.put_between(date[], date[]), cdp.fits_between(date[], date[], timestamptz);
