-- migrate:up

-- Background work of plugins, taken by workers by lease; finished jobs stay for a month.
CREATE TABLE job (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    job_id bigint GENERATED ALWAYS AS IDENTITY,
    plugin text NOT NULL,
    name text NOT NULL,
    -- Of two unfinished jobs with one key there is only the first.
    key text,
    input jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
    attempts integer NOT NULL DEFAULT 0,
    started_by text NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    -- When it is to be tried next.
    retry_at timestamptz NOT NULL,
    began_at timestamptz,
    finished_at timestamptz,
    claimed_until timestamptz,
    claimed_by uuid,
    cancel_asked boolean NOT NULL DEFAULT false,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    message text,
    result jsonb,
    error text,
    PRIMARY KEY (workspace_id, job_id)
);
CREATE INDEX job_unfinished ON job (workspace_id, plugin, retry_at) WHERE state IN ('WAITING', 'RUNNING');
CREATE INDEX job_finished ON job (workspace_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX job_key ON job (workspace_id, plugin, name, key)
    WHERE key IS NOT NULL AND state IN ('WAITING', 'RUNNING');

-- When each schedule ticks next: whoever moves next_at on starts the job, in one transaction.
CREATE TABLE schedule (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    plugin text NOT NULL,
    name text NOT NULL,
    -- Expression and time zone; where a plugin changes them, the next tick is reckoned anew.
    definition text NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz,
    last_job_id bigint,
    PRIMARY KEY (workspace_id, plugin, name)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['job', 'schedule']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY bound ON %I USING (workspace_id = (SELECT cdp.bound_workspace()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO diptych_app', name);
        EXECUTE format('CREATE POLICY owner_reads ON %I FOR SELECT TO CURRENT_USER USING (true)', name);
    END LOOP;
END
$$;

-- The workers' questions across workspaces.
CREATE FUNCTION cdp.jobs_to_run()
RETURNS TABLE (workspace_id bigint, plugin text, unfinished bigint, oldest timestamptz, next_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT j.workspace_id, j.plugin, count(*), min(j.due_at),
           -- What was never put off is due, whatever clocks say.
           min(greatest(CASE WHEN j.retry_at > j.created_at THEN j.retry_at ELSE '-infinity' END, j.claimed_until))
    FROM public.job j
    WHERE j.state IN ('WAITING', 'RUNNING')
    GROUP BY j.workspace_id, j.plugin
    ORDER BY j.workspace_id, j.plugin
$$;
CREATE FUNCTION cdp.schedules_due(until timestamptz) RETURNS TABLE (workspace_id bigint, plugin text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.workspace_id, s.plugin, s.name FROM public.schedule s WHERE s.next_at <= until
    ORDER BY s.workspace_id, s.plugin, s.name
$$;
REVOKE ALL ON FUNCTION cdp.jobs_to_run(), cdp.schedules_due(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.jobs_to_run(), cdp.schedules_due(timestamptz) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.schedules_due(timestamptz), cdp.jobs_to_run();
DROP TABLE schedule, job;
