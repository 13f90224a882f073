-- name: note
-- Has the worker settle profiles whose views may have changed; one that waits already only gets a new version. When the
-- transaction commits, every process that listens learns which they are: workers, and who watches ($4, $5).
WITH noted AS (
    INSERT INTO settlement (workspace_id, profile_id, noted_at, due_at)
    SELECT $1, p.profile_id, $3, $3 FROM unnest($2::bigint[]) AS p (profile_id)
    ORDER BY p.profile_id
    ON CONFLICT (workspace_id, profile_id) DO UPDATE
    SET version = settlement.version + 1, due_at = least(settlement.due_at, excluded.due_at)
)
SELECT pg_notify($4, $5);
