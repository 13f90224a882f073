-- name: take
-- Adds seconds to buckets of a workspace, and says in how many each is full again: ($1 workspace, $2 buckets in their
-- order, $3 seconds). The clock is the database's, which all processes share. What nobody used for an hour goes.
WITH gone AS (
    DELETE FROM rate_use
    WHERE workspace_id = $1
      AND bucket IN (
          SELECT idle.bucket FROM rate_use idle
          WHERE idle.workspace_id = $1
            AND idle.full_at < extract(epoch FROM statement_timestamp()) - 3600
            AND idle.bucket <> ALL ($2::text[])
          ORDER BY idle.bucket
          FOR UPDATE SKIP LOCKED)
)
INSERT INTO rate_use AS held (workspace_id, bucket, full_at)
SELECT $1, given.bucket, extract(epoch FROM statement_timestamp()) + given.seconds
FROM unnest($2::text[], $3::double precision[]) AS given (bucket, seconds)
ORDER BY given.bucket
ON CONFLICT (workspace_id, bucket) DO UPDATE
SET full_at = greatest(held.full_at, extract(epoch FROM statement_timestamp()))
    + (excluded.full_at - extract(epoch FROM statement_timestamp()))
RETURNING bucket, full_at - extract(epoch FROM statement_timestamp()) AS seconds
