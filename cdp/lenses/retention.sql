-- name: begin
-- Notes that a workspace drops events: ($1 workspace, $2 horizon).
INSERT INTO retention AS r (workspace_id, horizon) VALUES ($1, $2)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: claim
-- Where dropping has come to, for this transaction alone: ($1 workspace); no row where another worker is at it.
SELECT r.horizon, r.read_to FROM retention r WHERE r.workspace_id = $1 FOR UPDATE SKIP LOCKED;

-- name: next_events
-- The next events before the horizon, by time: ($1 workspace, $2 from, $3 horizon, $4 at most so many).
SELECT e.occurred_at, e.event_id, e.node_id FROM event e
WHERE e.workspace_id = $1 AND e.occurred_at >= $2 AND e.occurred_at < $3
ORDER BY e.occurred_at, e.event_id
LIMIT $4;

-- name: delete_events
-- Deletes these events and says what they were: ($1 workspace, $2 times, $3 ids, $4 the earliest time, $5 the latest).
DELETE FROM event e
USING unnest($2::timestamptz[], $3::bigint[]) AS u (occurred_at, event_id)
WHERE e.workspace_id = $1 AND e.occurred_at = u.occurred_at AND e.event_id = u.event_id
  AND e.occurred_at >= $4 AND e.occurred_at <= $5
RETURNING e.event_id, e.occurred_at, e.received_at, e.message_id, e.type, e.name, e.node_id, e.account_id, e.intent,
          e.usage, e.source, e.properties, e.context;

-- name: advance
-- Remembers how many were dropped, and up to which time: ($1 workspace, $2 horizon, $3 how many, $4 until when).
UPDATE retention SET horizon = greatest(horizon, $2), events = events + $3, last_at = greatest(last_at, $4),
                     read_to = $4, finished_at = NULL
WHERE workspace_id = $1;

-- name: finish
-- Nothing before the horizon is left: ($1 workspace, $2 horizon, $3 now).
UPDATE retention SET horizon = greatest(horizon, $2), read_to = NULL, finished_at = $3 WHERE workspace_id = $1;

-- name: state
-- What was dropped so far: ($1 workspace).
SELECT r.horizon, r.events, r.last_at, r.finished_at FROM retention r WHERE r.workspace_id = $1;

-- name: drop_empty_partitions
-- Drops months before $1 that hold no event of anybody.
SELECT cdp.drop_empty_event_partitions($1);
