-- migrate:up

-- A profile that was touched is due at once, and that does not hang on a clock: it is due while due_at is not after
-- noted_at, both taken from one reading. So a server whose clock ran ahead, or was set back, holds up nobody's roles.
CREATE OR REPLACE FUNCTION cdp.workspaces_to_settle()
RETURNS TABLE (workspace_id bigint, waiting bigint, oldest timestamptz, reclassifying bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT w.workspace_id,
           (SELECT count(*) FROM settlement s
            WHERE s.workspace_id = w.workspace_id AND (s.due_at <= now() OR s.due_at <= s.noted_at)),
           (SELECT min(s.due_at) FROM settlement s WHERE s.workspace_id = w.workspace_id),
           (SELECT count(*) FROM reclassification r WHERE r.workspace_id = w.workspace_id AND r.finished_at IS NULL)
    FROM workspace w ORDER BY w.workspace_id
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION cdp.workspaces_to_settle()
RETURNS TABLE (workspace_id bigint, waiting bigint, oldest timestamptz, reclassifying bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT w.workspace_id,
           (SELECT count(*) FROM settlement s WHERE s.workspace_id = w.workspace_id AND s.due_at <= now()),
           (SELECT min(s.due_at) FROM settlement s WHERE s.workspace_id = w.workspace_id),
           (SELECT count(*) FROM reclassification r WHERE r.workspace_id = w.workspace_id AND r.finished_at IS NULL)
    FROM workspace w ORDER BY w.workspace_id
$$;
