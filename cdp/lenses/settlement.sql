-- name: note
-- Has the worker settle profiles whose views may have changed; one that waits already only gets a new version. It is due
-- while due_at is not after noted_at, whatever clocks say meanwhile; one that was put off is due again. When the
-- transaction commits, every process that listens learns which they are: workers, and who watches ($4, $5).
WITH noted AS (
    INSERT INTO settlement (workspace_id, profile_id, noted_at, due_at)
    SELECT $1, p.profile_id, $3, $3 FROM unnest($2::bigint[]) AS p (profile_id)
    ORDER BY p.profile_id
    ON CONFLICT (workspace_id, profile_id) DO UPDATE
    SET version = settlement.version + 1,
        noted_at = CASE WHEN settlement.due_at > settlement.noted_at THEN excluded.noted_at ELSE settlement.noted_at END,
        due_at = CASE WHEN settlement.due_at > settlement.noted_at THEN excluded.due_at ELSE settlement.due_at END
)
SELECT pg_notify($4, $5);
