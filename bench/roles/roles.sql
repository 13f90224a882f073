-- name: claims
-- The current roles of every person in their own account, by the CRM's id of the person.
SELECT n.value AS user_id, c.role, c.confidence
FROM node n
JOIN role_claim c ON c.workspace_id = $1 AND c.profile_id = n.profile_id AND c.until IS NULL
JOIN membership m ON m.workspace_id = $1 AND m.profile_id = c.profile_id AND m.account_id = c.account_id AND m.own
WHERE n.workspace_id = $1 AND n.kind = 'user_id'
ORDER BY n.value, c.role;
