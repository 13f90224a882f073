-- migrate:up

-- A place that a frontend wants filled, and by which rules. Slots that nobody defined are filled by plugins alone.
CREATE TABLE personalisation_slot (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    name text NOT NULL,
    description text,
    -- share of the people who are shown the fallback, to compare the others with
    holdout double precision NOT NULL DEFAULT 0 CHECK (holdout BETWEEN 0 AND 1),
    -- key of the hashes that deal people to variants; another one deals them anew
    salt text NOT NULL,
    fallback jsonb NOT NULL DEFAULT '{}',
    -- names of the events that count as an outcome, if they come within so many seconds after the first impression
    goals text[] NOT NULL DEFAULT '{}',
    goal_seconds bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
ALTER TABLE personalisation_slot ENABLE ROW LEVEL SECURITY;
ALTER TABLE personalisation_slot FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON personalisation_slot USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON personalisation_slot TO diptych_app;

-- A content for a slot, and for whom.
CREATE TABLE personalisation_variant (
    workspace_id bigint NOT NULL,
    slot text NOT NULL,
    name text NOT NULL,
    -- a ProfileFilter as GraphQL writes it; null: everybody
    audience jsonb,
    lens text NOT NULL CHECK (lens IN ('INTENT', 'USAGE', 'NONE')),
    starts_at timestamptz,
    ends_at timestamptz,
    priority integer NOT NULL,
    weight double precision NOT NULL CHECK (weight > 0),
    cap_times integer CHECK (cap_times > 0),
    cap_seconds bigint CHECK (cap_seconds > 0),
    content jsonb NOT NULL,
    paused boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, slot, name),
    FOREIGN KEY (workspace_id, slot) REFERENCES personalisation_slot ON DELETE CASCADE,
    CHECK ((cap_times IS NULL) = (cap_seconds IS NULL))
);
ALTER TABLE personalisation_variant ENABLE ROW LEVEL SECURITY;
ALTER TABLE personalisation_variant FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON personalisation_variant USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON personalisation_variant TO diptych_app;

-- migrate:down
DROP TABLE personalisation_variant;
DROP TABLE personalisation_slot;
