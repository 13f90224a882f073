-- name: server_version
-- Which PostgreSQL this is.
SHOW server_version;

-- name: waiting
-- What waits to be settled in each workspace, and for how long.
SELECT waiting, now() - oldest AS lag FROM cdp.workspaces_to_settle();
