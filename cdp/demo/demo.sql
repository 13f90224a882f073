-- name: ensure_partition
-- The partition of one month, made before the month's events arrive: moving them later costs more.
SELECT cdp.ensure_event_partition($1::date);

-- name: count_events
-- How much of the data is there already.
SELECT count(*) FROM event_message WHERE workspace_id = $1;

-- name: count_waiting
-- Profiles that wait to be settled.
SELECT count(*) FROM settlement WHERE workspace_id = $1;
