-- migrate:up

-- How a person stood when it was last compared, so that plugins can be told what has changed since. Made where a plugin
-- wants to know.
CREATE TABLE portrait (
    workspace_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    state jsonb NOT NULL,
    noted_at timestamptz NOT NULL,
    -- No later than when time alone changes a level or a phase: the person is settled then. Null: that is due, or never.
    fades_at timestamptz,
    PRIMARY KEY (workspace_id, profile_id),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile ON DELETE CASCADE
);
CREATE INDEX portrait_fading ON portrait (workspace_id, fades_at) WHERE fades_at IS NOT NULL;

-- Since when changes are told in this workspace: who was there before is portrayed in silence at first.
CREATE TABLE portrait_since (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    since timestamptz NOT NULL,
    PRIMARY KEY (workspace_id)
);

-- What is still to be told, one row for each plugin and thing that changed: further changes of it are folded into the
-- row, whose version grows. A row that is told as it stands goes; one that cannot be told stays, DEAD, for a person.
CREATE TABLE change_delivery (
    workspace_id bigint NOT NULL,
    plugin text NOT NULL,
    profile_id bigint NOT NULL,
    hook text NOT NULL,
    -- Which thing of the profile: '', an account, an account with a role, an account with what is measured.
    subject text NOT NULL,
    -- Grows: one person's changes are told in this order.
    delivery_id bigint GENERATED ALWAYS AS IDENTITY,
    version bigint NOT NULL DEFAULT 1,
    about jsonb NOT NULL,
    before jsonb,
    after jsonb,
    state text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'DEAD')),
    attempts integer NOT NULL DEFAULT 0,
    noted_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    claimed_until timestamptz,
    claimed_by uuid,
    error text,
    failed_at timestamptz,
    PRIMARY KEY (workspace_id, plugin, profile_id, hook, subject),
    UNIQUE (workspace_id, delivery_id),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile ON DELETE CASCADE
);
CREATE INDEX change_delivery_waiting ON change_delivery (workspace_id, plugin, delivery_id) WHERE state = 'WAITING';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['portrait', 'portrait_since', 'change_delivery']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY bound ON %I USING (workspace_id = (SELECT cdp.bound_workspace()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO diptych_app', name);
    END LOOP;
END
$$;
CREATE POLICY owner_reads ON change_delivery FOR SELECT TO CURRENT_USER USING (true);

-- The deliverers' only question across workspaces: what waits for which plugin, where, and for how long it has.
CREATE FUNCTION cdp.changes_to_tell()
RETURNS TABLE (workspace_id bigint, plugin text, waiting bigint, dead bigint, oldest timestamptz, next_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.workspace_id, d.plugin, count(*) FILTER (WHERE d.state = 'WAITING'),
           count(*) FILTER (WHERE d.state = 'DEAD'), min(d.noted_at) FILTER (WHERE d.state = 'WAITING'),
           -- What was never put off is due, whatever clocks say.
           min(greatest(CASE WHEN d.due_at > d.noted_at THEN d.due_at ELSE '-infinity' END, d.claimed_until))
               FILTER (WHERE d.state = 'WAITING')
    FROM public.change_delivery d
    GROUP BY d.workspace_id, d.plugin
    ORDER BY d.workspace_id, d.plugin
$$;
REVOKE ALL ON FUNCTION cdp.changes_to_tell() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.changes_to_tell() TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.changes_to_tell();
DROP TABLE change_delivery, portrait_since, portrait;
