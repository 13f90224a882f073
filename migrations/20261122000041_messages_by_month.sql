-- migrate:up

-- Which messages were stored, by the month in which they came: a message counts once if it comes again within the
-- workspace's message_days, and what is older goes with its month. The key is random, so what a new message costs hangs on
-- how much is kept, and that is now bounded. Imported rows have ids that follow from their file, and are kept for good
-- (month infinity): a file counts once however late it is imported again.
ALTER TABLE event_message RENAME TO event_message_before;
ALTER TABLE event_message_before DISABLE ROW LEVEL SECURITY;
ALTER INDEX event_message_pkey RENAME TO event_message_before_pkey;
CREATE TABLE event_message (
    workspace_id bigint NOT NULL,
    -- md5 of the message id as a uuid: 16 bytes however long the id is
    message_hash uuid NOT NULL,
    -- first day of the month of arrival
    month date NOT NULL,
    PRIMARY KEY (workspace_id, message_hash, month)
) PARTITION BY LIST (month);
ALTER TABLE event_message ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_message FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON event_message USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON event_message TO diptych_app;
CREATE TABLE event_message_imported PARTITION OF event_message FOR VALUES IN ('infinity');
-- For months that nobody has made in time.
CREATE TABLE event_message_default PARTITION OF event_message DEFAULT;

-- Makes the partition of a month's messages, if it is missing and none of them has come yet; whether one was made.
-- Raises lock_not_available where others keep it from its locks for more than a second: come again.
CREATE FUNCTION cdp.ensure_message_partition(in_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    first_day date := date_trunc('month', in_month::timestamp)::date;
    partition_name text := 'event_message_' || to_char(in_month, 'YYYYMM');
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(hashtext('cdp.ensure_message_partition'));
    IF to_regclass('public.' || partition_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE event_message_default IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM event_message_default d WHERE d.month = first_day) THEN
        RETURN false;
    END IF;
    -- Rows are added, never changed, and go with their partition long before they must be frozen.
    EXECUTE format('CREATE TABLE %I (LIKE event_message INCLUDING CONSTRAINTS) '
                   'WITH (autovacuum_vacuum_insert_threshold = -1)', partition_name);
    EXECUTE format('ALTER TABLE event_message ATTACH PARTITION %I FOR VALUES IN (%L)', partition_name, first_day);
    RETURN true;
END
$$;

-- Forgets the months whose last message came more than so many days ago, of a workspace that says none: in_days, of all
-- the longest; how many. Never by a clock that is ahead of the database's.
-- Raises lock_not_available where others keep it from its locks for more than a second: come again.
CREATE FUNCTION cdp.forget_messages(in_today date, in_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    last_day date;
    partition_name text;
    forgotten integer := 0;
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(hashtext('cdp.ensure_message_partition'));
    last_day := least(in_today, current_date)
        - greatest(in_days, 31, (SELECT max((w.settings ->> 'message_days')::integer) FROM workspace w));
    FOR partition_name IN
        SELECT c.relname::text
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'event_message'::regclass AND c.relname ~ '^event_message_\d{6}$'
          AND to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= last_day
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', partition_name);
        forgotten := forgotten + 1;
    END LOOP;
    DELETE FROM event_message_default d WHERE d.month + interval '1 month' <= last_day;
    RETURN forgotten;
END
$$;

DO $$
BEGIN
    FOR ahead IN 0..3 LOOP
        PERFORM cdp.ensure_message_partition((date_trunc('month', now()) + ahead * interval '1 month')::date);
    END LOOP;
END
$$;
-- What came before is in the default partition, and goes month by month.
INSERT INTO event_message_default (workspace_id, message_hash, month)
SELECT b.workspace_id, b.message_hash, (date_trunc('month', now()) - interval '1 month')::date
FROM event_message_before b;
DROP TABLE event_message_before;

REVOKE ALL ON FUNCTION cdp.ensure_message_partition(date), cdp.forget_messages(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.ensure_message_partition(date), cdp.forget_messages(date, integer) TO diptych_app;

-- migrate:down
ALTER TABLE event_message RENAME TO event_message_by_month;
ALTER INDEX event_message_pkey RENAME TO event_message_by_month_pkey;
CREATE TABLE event_message (
    workspace_id bigint NOT NULL,
    message_hash uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, message_hash)
);
DO $$
DECLARE
    partition_name text;
BEGIN
    FOR partition_name IN SELECT i.inhrelid::regclass::text FROM pg_inherits i
                          WHERE i.inhparent = 'event_message_by_month'::regclass LOOP
        EXECUTE format('INSERT INTO event_message SELECT m.workspace_id, m.message_hash, '
                       'CASE WHEN m.month = ''infinity'' THEN now() ELSE m.month END FROM %s m ON CONFLICT DO NOTHING',
                       partition_name);
    END LOOP;
END
$$;
DROP FUNCTION cdp.forget_messages(date, integer), cdp.ensure_message_partition(date);
DROP TABLE event_message_by_month;
ALTER TABLE event_message ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_message FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON event_message USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON event_message TO diptych_app;
