-- migrate:up

-- How many events of each name were stored, and between which times; of these, how many retention has dropped since.
-- Several flushes at a time count in different slots (by the process of PostgreSQL that serves them), so that none waits
-- for another; who reads adds the slots up.
CREATE TABLE event_name (
    workspace_id bigint NOT NULL,
    name text NOT NULL,
    -- whether it names behaviour (track, page, screen), rather than what somebody stated (identify, group, alias)
    tracked boolean NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL,
    dropped bigint NOT NULL DEFAULT 0,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name, tracked, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The owner moves events, and so sees them.
INSERT INTO event_name (workspace_id, name, tracked, slot, count, first_at, last_at)
SELECT e.workspace_id, e.name, e.type IN ('track', 'page', 'screen'), 0, count(*), min(e.occurred_at), max(e.occurred_at)
FROM event e
GROUP BY e.workspace_id, e.name, e.type IN ('track', 'page', 'screen');

ALTER TABLE event_name ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_name FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON event_name USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON event_name TO diptych_app;

-- Whose events a changed catalogue concerns is found by reading history once, by time, before their views are derived
-- anew: where that reading has come to (null: it has not begun; infinity: it is done), and whom it has found.
ALTER TABLE reclassification ADD COLUMN read_to timestamptz;
CREATE TABLE reclassification_node (
    workspace_id bigint NOT NULL,
    reclassification_id bigint NOT NULL,
    node_id bigint NOT NULL,
    PRIMARY KEY (workspace_id, reclassification_id, node_id),
    FOREIGN KEY (workspace_id, reclassification_id) REFERENCES reclassification ON DELETE CASCADE
);
ALTER TABLE reclassification_node ENABLE ROW LEVEL SECURITY;
ALTER TABLE reclassification_node FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON reclassification_node USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON reclassification_node TO diptych_app;

-- migrate:down
DROP TABLE reclassification_node;
ALTER TABLE reclassification DROP COLUMN read_to;
DROP TABLE event_name;
