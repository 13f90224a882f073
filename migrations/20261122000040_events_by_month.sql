-- migrate:up

-- Two indexes that every event paid for and hardly anybody read. The names of stored events are counted instead
-- (event_name), and whose events a changed catalogue concerns is found by reading history once, in the background.
DROP INDEX event_by_name;
DROP INDEX event_unclassified;

-- Partitions of event are: event_past, all that is older than the first month that was made; months; and
-- event_default, for months that nobody has made in time. The default one is empty as a rule, so that a new month is
-- attached without looking through history: PostgreSQL must see that no row of it lies there.
DROP FUNCTION cdp.ensure_event_partition(date);

-- Which partitions of event there are, and from when to when; null at an open end, both null for the default one.
CREATE FUNCTION cdp.event_partitions()
RETURNS TABLE (name text, begins timestamptz, ends timestamptz, is_default boolean, pages bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT c.relname::text,
           substring(b.bounds FROM $re$FROM \('([^']*)'\)$re$)::timestamptz,
           substring(b.bounds FROM $re$TO \('([^']*)'\)$re$)::timestamptz,
           b.bounds = 'DEFAULT',
           pg_relation_size(c.oid) / 8192
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds) b
    WHERE i.inhparent = 'event'::regclass AND NOT i.inhdetachpending
    ORDER BY 2 NULLS FIRST, 1
$$;

-- Rows are added and hardly ever change: no vacuum for added rows but as PostgreSQL freezes them in their time, and an
-- analysis when a partition has doubled.
CREATE FUNCTION cdp.new_event_partition(in_name text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING DEFAULTS INCLUDING CONSTRAINTS) '
                   'WITH (autovacuum_vacuum_insert_scale_factor = 1.0, autovacuum_analyze_scale_factor = 0.5)', in_name);
END
$$;
REVOKE ALL ON FUNCTION cdp.new_event_partition(text) FROM PUBLIC;

-- Makes the partition of a month, if nothing holds that month yet; whether one was made. Writers of the current month go
-- on: attaching locks the default partition alone, which is empty. Where it holds rows of the month, because nobody made
-- the month in time, it becomes the month's partition itself, if it holds nothing else; if it does, they move.
-- Raises lock_not_available where others keep it from its locks for more than a second: come again.
CREATE FUNCTION cdp.ensure_event_partition(in_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    from_time timestamptz := date_trunc('month', in_month::timestamp) AT TIME ZONE 'UTC';
    to_time timestamptz := (date_trunc('month', in_month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    month_name text := 'event_' || to_char(in_month, 'YYYYMM');
    first_time timestamptz;
    gap_time timestamptz;
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(hashtext('cdp.ensure_event_partition'));
    -- All that is older than the first month that is made.
    IF to_regclass('public.event_past') IS NULL THEN
        first_time := least(from_time, (SELECT min(p.begins) FROM cdp.event_partitions() p));
        LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE event DETACH PARTITION event_default;
        ALTER TABLE event_default RENAME TO event_past;
        PERFORM cdp.new_event_partition('event_default');
        WITH moved AS (DELETE FROM event_past e WHERE e.occurred_at >= first_time RETURNING *)
        INSERT INTO event_default SELECT * FROM moved;
        EXECUTE format('ALTER TABLE event ATTACH PARTITION event_past FOR VALUES FROM (MINVALUE) TO (%L)', first_time);
        ALTER TABLE event ATTACH PARTITION event_default DEFAULT;
    END IF;
    IF EXISTS (SELECT FROM cdp.event_partitions() p
               WHERE NOT p.is_default AND coalesce(p.begins, '-infinity') < to_time
                 AND coalesce(p.ends, 'infinity') > from_time) THEN
        RETURN false;
    END IF;
    LOCK TABLE event_default IN ACCESS EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM event_default e WHERE e.occurred_at >= from_time AND e.occurred_at < to_time) THEN
        PERFORM cdp.new_event_partition(month_name);
        EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       month_name, from_time, to_time);
        RETURN true;
    END IF;
    LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
    gap_time := coalesce((SELECT max(p.ends) FROM cdp.event_partitions() p WHERE p.ends <= from_time), from_time);
    IF NOT EXISTS (SELECT FROM event_default e WHERE e.occurred_at < gap_time OR e.occurred_at >= to_time) THEN
        ALTER TABLE event DETACH PARTITION event_default;
        EXECUTE format('ALTER TABLE event_default RENAME TO %I', month_name);
        PERFORM cdp.new_event_partition('event_default');
        from_time := gap_time;
        ALTER TABLE event ATTACH PARTITION event_default DEFAULT;
    ELSE
        PERFORM cdp.new_event_partition(month_name);
        EXECUTE format('WITH moved AS (DELETE FROM event_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *) '
                       'INSERT INTO %I SELECT * FROM moved', from_time, to_time, month_name);
    END IF;
    EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   month_name, from_time, to_time);
    RETURN true;
END
$$;

-- Drops the months before a time that hold no row, and says how many they were. Latecomers of such a month lie in the
-- default partition until retention takes them as well.
-- Raises lock_not_available where others keep it from its locks for more than a second: come again.
CREATE FUNCTION cdp.drop_empty_event_partitions(in_before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    partition_name text;
    has_rows boolean;
    dropped integer := 0;
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(hashtext('cdp.ensure_event_partition'));
    FOR partition_name IN
        SELECT p.name FROM cdp.event_partitions() p
        WHERE p.begins IS NOT NULL AND p.ends <= in_before ORDER BY p.begins
    LOOP
        -- Once without a lock, which most often is enough to leave it, and again under the lock.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', partition_name) INTO has_rows;
        CONTINUE WHEN has_rows;
        LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', partition_name) INTO has_rows;
        CONTINUE WHEN has_rows;
        EXECUTE format('DROP TABLE %I', partition_name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

REVOKE ALL ON FUNCTION cdp.event_partitions(), cdp.ensure_event_partition(date),
    cdp.drop_empty_event_partitions(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.event_partitions(), cdp.ensure_event_partition(date),
    cdp.drop_empty_event_partitions(timestamptz) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.drop_empty_event_partitions(timestamptz), cdp.ensure_event_partition(date),
    cdp.new_event_partition(text), cdp.event_partitions();
DO $$
BEGIN
    IF to_regclass('public.event_past') IS NOT NULL THEN
        ALTER TABLE event DETACH PARTITION event_past;
        ALTER TABLE event DETACH PARTITION event_default;
        INSERT INTO event_past SELECT * FROM event_default;
        DROP TABLE event_default;
        ALTER TABLE event_past RENAME TO event_default;
        ALTER TABLE event ATTACH PARTITION event_default DEFAULT;
    END IF;
END
$$;
CREATE FUNCTION cdp.ensure_event_partition(in_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    from_day date := date_trunc('month', in_month)::date;
    to_day date := (date_trunc('month', in_month) + interval '1 month')::date;
    partition_name text := 'event_' || to_char(from_day, 'YYYYMM');
BEGIN
    IF to_regclass('public.' || partition_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('cdp.ensure_event_partition'));
    IF to_regclass('public.' || partition_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
    EXECUTE format('WITH moved AS (DELETE FROM event_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *) '
                   'INSERT INTO %I SELECT * FROM moved', from_day || ' 00:00+00', to_day || ' 00:00+00', partition_name);
    EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   partition_name, from_day || ' 00:00+00', to_day || ' 00:00+00');
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION cdp.ensure_event_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.ensure_event_partition(date) TO diptych_app;
CREATE INDEX event_unclassified ON event (workspace_id, name) WHERE NOT intent AND NOT usage;
CREATE INDEX event_by_name ON event (workspace_id, name, node_id);
