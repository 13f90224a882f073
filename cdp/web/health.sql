-- name: oldest_settlement
-- Since when the profile that has waited longest is due, over all workspaces.
SELECT min(oldest) FROM cdp.workspaces_to_settle()
