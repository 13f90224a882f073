-- name: append
-- Adds an entry; the chain says which it is, when it was, and its hash.
INSERT INTO audit_entry (workspace_id, principal, name, role, purpose, act, object, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: chained
-- Some entries in their order, each with the hash of the one before it.
SELECT e.sequence, cdp.audit_text(e) AS text,
       coalesce((SELECT encode(b.hash, 'hex') FROM audit_entry b
                 WHERE b.workspace_id = $1 AND b.sequence = e.sequence - 1), '') AS previous,
       encode(e.hash, 'hex') AS hash
FROM audit_entry e
WHERE e.workspace_id = $1 AND e.sequence > $2
  AND ($4::timestamptz IS NULL OR e.at >= $4) AND ($5::timestamptz IS NULL OR e.at < $5)
ORDER BY e.sequence
LIMIT $3

-- name: head
-- The latest entry.
SELECT sequence, encode(hash, 'hex') AS hash
FROM audit_entry
WHERE workspace_id = $1
ORDER BY sequence DESC
LIMIT 1

-- name: latest
-- The latest entries by some.
SELECT sequence, at, principal, name, role, purpose, act, object, detail
FROM audit_entry
WHERE workspace_id = $1 AND ($2::text IS NULL OR act = $2) AND ($3::text IS NULL OR principal = $3)
ORDER BY sequence DESC
LIMIT $4
