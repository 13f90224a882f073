-- name: notify
-- Tells every process that listens to the channel, when the transaction commits.
SELECT pg_notify($1, $2);
