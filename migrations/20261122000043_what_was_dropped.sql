-- migrate:up

-- What dropped events had added to the summaries of their nodes, in the same tables as what all of them add up to: a
-- summary is what stands here, combined with the fold of the events that are left. Written by retention alone.
CREATE TABLE base_tally (LIKE summary_tally INCLUDING ALL,
    -- units are as seen from this epoch at this half-life; a change of either multiplies them, for the events to weigh
    -- anew are no longer there
    epoch timestamptz NOT NULL,
    half_life_days float8 NOT NULL
);
CREATE TABLE base_day (LIKE summary_day INCLUDING ALL);
CREATE TABLE base_register (LIKE summary_register INCLUDING ALL);
CREATE TABLE base_order (LIKE summary_order INCLUDING ALL);

-- Per workspace: events before this moment were dropped, how many so far, and the time of the latest of them.
CREATE TABLE retention (
    workspace_id bigint NOT NULL PRIMARY KEY REFERENCES workspace ON DELETE CASCADE,
    horizon timestamptz NOT NULL,
    events bigint NOT NULL DEFAULT 0,
    last_at timestamptz,
    -- how far the present round has come; null: the next one begins at the beginning
    read_to timestamptz,
    -- when nothing before the horizon was left
    finished_at timestamptz
);

-- How far work on a workspace has come that takes longer than one transaction, so that another process goes on with it.
CREATE TABLE progress (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    task text NOT NULL,
    -- nodes up to here are done
    node_cursor bigint NOT NULL DEFAULT 0,
    -- what has been found so far
    report jsonb NOT NULL DEFAULT '{}',
    begun_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, task)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['base_tally', 'base_day', 'base_register', 'base_order', 'retention', 'progress'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY bound ON %I USING (workspace_id = (SELECT cdp.bound_workspace()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO diptych_app', name);
    END LOOP;
END
$$;

-- migrate:down
DROP TABLE progress, retention, base_order, base_register, base_day, base_tally;
