-- name: append
-- Adds an entry; the chain says which it is, when it was, and its hash.
INSERT INTO audit_entry (workspace_id, principal, name, role, purpose, act, object, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
