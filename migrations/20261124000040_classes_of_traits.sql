-- migrate:up

-- What a trait, or a property of events, tells: who may see it. What is not listed is guessed from its name and value.
CREATE TABLE trait_class (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    of text NOT NULL CHECK (of IN ('PROFILE', 'ACCOUNT', 'EVENT')),
    -- however it is written: `leadScore`, `lead_score` and `Lead score` are one
    folded text GENERATED ALWAYS AS (translate(lower(key COLLATE "C"), ' _-.', '')) STORED,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    class text NOT NULL CHECK (class IN ('PERSONAL', 'INTENT', 'USAGE', 'OPEN')),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, of, folded)
);
ALTER TABLE trait_class ENABLE ROW LEVEL SECURITY;
ALTER TABLE trait_class FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON trait_class USING (workspace_id = (SELECT cdp.bound_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON trait_class TO diptych_app;

-- migrate:down
DROP TABLE trait_class;
