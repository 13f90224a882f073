-- migrate:up transaction:false

-- Timelines of those who may not see a panel skipped the events of that panel one by one, so that the time which they took
-- told how many there are. By this index a timeline is read in four runs, one for each way of feeding the panels, and of a
-- hidden panel no run is begun. It takes the place of event_by_node: an event is still in one index of these.
-- Month by month, each with a commit of its own: writers wait for their own month alone. What is there is not done again.
DO $$
DECLARE
    part text;
BEGIN
    CREATE INDEX IF NOT EXISTS event_by_panel ON ONLY event (workspace_id, node_id, intent, usage, occurred_at, event_id);
    COMMIT;
    FOR part IN SELECT p.name FROM cdp.event_partitions() p ORDER BY p.begins DESC NULLS LAST, p.name LOOP
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I (workspace_id, node_id, intent, usage, occurred_at, event_id)',
                       part || '_by_panel', part);
        EXECUTE format('ALTER INDEX event_by_panel ATTACH PARTITION %I', part || '_by_panel');
        COMMIT;
    END LOOP;
    DROP INDEX IF EXISTS event_by_node;
END
$$;

-- migrate:down transaction:false
DO $$
BEGIN
    CREATE INDEX event_by_node ON event (workspace_id, node_id, occurred_at, event_id);
    DROP INDEX event_by_panel;
END
$$;
