-- name: count
-- Counts events by name: ($1 workspace, $2 names, $3 whether tracked, $4 how many, $5 first, $6 last), in name order.
-- In the slot of this process of PostgreSQL: flushes beside each other rarely share one, and count as their last step.
INSERT INTO event_name AS n (workspace_id, name, tracked, slot, count, first_at, last_at)
SELECT $1, u.name, u.tracked, pg_backend_pid() % 64, u.count, u.first_at, u.last_at
FROM unnest($2::text[], $3::boolean[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
     AS u (name, tracked, count, first_at, last_at)
ON CONFLICT (workspace_id, name, tracked, slot) DO UPDATE SET
    count = n.count + excluded.count,
    first_at = least(n.first_at, excluded.first_at),
    last_at = greatest(n.last_at, excluded.last_at);

-- name: drop
-- Notes that events were dropped: ($1 workspace, $2 names, $3 whether tracked, $4 how many), in name order.
INSERT INTO event_name AS n (workspace_id, name, tracked, slot, count, dropped, first_at, last_at)
SELECT $1, u.name, u.tracked, pg_backend_pid() % 64, 0, u.dropped, u.first_at, u.last_at
FROM unnest($2::text[], $3::boolean[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
     AS u (name, tracked, dropped, first_at, last_at)
ON CONFLICT (workspace_id, name, tracked, slot) DO UPDATE SET dropped = n.dropped + excluded.dropped;

-- name: all
-- Every name of events that were ever stored: ($1 workspace).
SELECT DISTINCT n.name FROM event_name n WHERE n.workspace_id = $1 ORDER BY n.name;

-- name: tracked
-- Names of behaviour with how many events of them are stored, most frequent first: ($1 workspace, $2 how many at most).
SELECT n.name, (sum(n.count) - sum(n.dropped))::bigint AS count, min(n.first_at) AS first_at, max(n.last_at) AS last_at
FROM event_name n
WHERE n.workspace_id = $1 AND n.tracked
GROUP BY n.name
HAVING sum(n.count) > sum(n.dropped)
ORDER BY count DESC, n.name
LIMIT $2;

-- name: dropped
-- Names of events of which retention has dropped some, most of them first: ($1 workspace).
SELECT n.name, sum(n.dropped)::bigint AS dropped
FROM event_name n
WHERE n.workspace_id = $1
GROUP BY n.name
HAVING sum(n.dropped) > 0
ORDER BY dropped DESC, n.name;
