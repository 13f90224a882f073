-- migrate:up

-- ── What was found ───────────────────────────────────────────────────────────────────────────────────────────────

-- The cost of a trait is what its provider was paid for it so far, in this currency.
ALTER TABLE enrichment ADD COLUMN currency text NOT NULL DEFAULT 'USD';
-- Whether the provider knew something: a miss is remembered for a shorter time. Null: it was passed over, since nothing
-- that it gives was missing.
ALTER TABLE enrichment_asked ADD COLUMN found boolean DEFAULT true;

-- Traits that a provider contributed about an account. They stay where they were found when the account goes into
-- another: whoever reads an account reads those too that went into it.
CREATE TABLE account_enrichment (
    workspace_id bigint NOT NULL,
    account_id bigint NOT NULL,
    provider text NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    confidence double precision NOT NULL CHECK (confidence > 0 AND confidence <= 1),
    cost numeric NOT NULL DEFAULT 0,
    currency text NOT NULL,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (workspace_id, account_id, provider, key),
    FOREIGN KEY (workspace_id, account_id) REFERENCES account ON DELETE CASCADE
);
CREATE TABLE account_enrichment_asked (
    workspace_id bigint NOT NULL,
    account_id bigint NOT NULL,
    provider text NOT NULL,
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    found boolean,
    PRIMARY KEY (workspace_id, account_id, provider),
    FOREIGN KEY (workspace_id, account_id) REFERENCES account ON DELETE CASCADE
);
CREATE INDEX account_enrichment_asked_by_due ON account_enrichment_asked (workspace_id, due_at);

-- ── What may be spent ────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE enrichment_settings (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    -- A field that is known so surely is not asked for any more.
    confidence double precision NOT NULL CHECK (confidence > 0 AND confidence <= 1),
    -- The fields that are wanted; null: whatever providers declare.
    fields text[],
    PRIMARY KEY (workspace_id)
);

-- No money is spent in a currency that has no row here.
CREATE TABLE enrichment_budget (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    currency text NOT NULL,
    per_day numeric NOT NULL CHECK (per_day >= 0),
    -- On one person or account in a calendar month; null: no limit but that of the day.
    per_subject numeric CHECK (per_subject >= 0),
    PRIMARY KEY (workspace_id, currency)
);

-- Spent and reserved on a day (UTC). Locked with the budget, so that two processes cannot spend the same cent.
CREATE TABLE enrichment_spend (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    currency text NOT NULL,
    on_day date NOT NULL,
    amount numeric NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (workspace_id, currency, on_day)
);

-- ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- How a provider does, over all processes. Its row is locked while calls of it are granted.
CREATE TABLE enrichment_provider (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    provider text NOT NULL,
    failures_in_row integer NOT NULL DEFAULT 0,
    blocked_until timestamptz,
    PRIMARY KEY (workspace_id, provider)
);

-- The ledger: a row is written before a provider with a price or a limit is called, and settled after. A call whose
-- process died counts as made and as paid once its lease is over.
CREATE TABLE enrichment_call (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    call_id bigint GENERATED ALWAYS AS IDENTITY,
    provider text NOT NULL,
    subject text NOT NULL CHECK (subject IN ('PERSON', 'ACCOUNT')),
    subject_id bigint NOT NULL,
    backfill_id bigint,
    currency text NOT NULL,
    reserved numeric NOT NULL CHECK (reserved >= 0),
    -- Null while it is under way.
    cost numeric CHECK (cost >= 0 AND cost <= reserved),
    outcome text CHECK (outcome IN ('HIT', 'MISS', 'FAILED', 'LOST')),
    started_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, call_id),
    CHECK ((ended_at IS NULL) = (outcome IS NULL) AND (ended_at IS NULL) = (cost IS NULL))
);
-- Nobody is asked about by the same provider twice at once.
CREATE UNIQUE INDEX enrichment_call_under_way ON enrichment_call (workspace_id, provider, subject, subject_id)
    WHERE ended_at IS NULL;
CREATE INDEX enrichment_call_by_end ON enrichment_call (workspace_id, provider, ended_at);
CREATE INDEX enrichment_call_by_subject ON enrichment_call (workspace_id, subject, subject_id, started_at);
CREATE INDEX enrichment_call_by_backfill ON enrichment_call (workspace_id, backfill_id) WHERE backfill_id IS NOT NULL;

-- What the report shows, by day (UTC).
CREATE TABLE enrichment_tally (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    provider text NOT NULL,
    currency text NOT NULL,
    on_day date NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    hits bigint NOT NULL DEFAULT 0,
    misses bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    -- Times that an earlier answer was still good.
    cached bigint NOT NULL DEFAULT 0,
    cost numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, provider, currency, on_day)
);

-- ── What is to be done ───────────────────────────────────────────────────────────────────────────────────────────

-- Subjects to be enriched, taken by lease; those of a backfill wait behind those that were just touched (rank 1).
CREATE TABLE enrichment_queue (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    subject text NOT NULL CHECK (subject IN ('PERSON', 'ACCOUNT')),
    subject_id bigint NOT NULL,
    rank smallint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL,
    backfill_id bigint,
    attempts integer NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    claimed_by uuid,
    PRIMARY KEY (workspace_id, subject, subject_id)
);
CREATE INDEX enrichment_queue_due ON enrichment_queue (workspace_id, rank, due_at);
CREATE INDEX enrichment_queue_claimed ON enrichment_queue (workspace_id, claimed_by) WHERE claimed_by IS NOT NULL;

CREATE TABLE enrichment_backfill (
    workspace_id bigint NOT NULL REFERENCES workspace ON DELETE CASCADE,
    backfill_id bigint GENERATED ALWAYS AS IDENTITY,
    subject text NOT NULL CHECK (subject IN ('PERSON', 'ACCOUNT')),
    asked_by text NOT NULL,
    started_at timestamptz NOT NULL,
    total bigint NOT NULL DEFAULT 0,
    cancelled_at timestamptz,
    PRIMARY KEY (workspace_id, backfill_id)
);
CREATE TABLE enrichment_backfill_subject (
    workspace_id bigint NOT NULL,
    backfill_id bigint NOT NULL,
    subject_id bigint NOT NULL,
    done_at timestamptz,
    PRIMARY KEY (workspace_id, backfill_id, subject_id),
    FOREIGN KEY (workspace_id, backfill_id) REFERENCES enrichment_backfill ON DELETE CASCADE
);
CREATE INDEX enrichment_backfill_subject_open ON enrichment_backfill_subject (workspace_id, subject_id)
    WHERE done_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['account_enrichment', 'account_enrichment_asked', 'enrichment_settings',
        'enrichment_budget', 'enrichment_spend', 'enrichment_provider', 'enrichment_call', 'enrichment_tally',
        'enrichment_queue', 'enrichment_backfill', 'enrichment_backfill_subject']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY bound ON %I USING (workspace_id = (SELECT cdp.bound_workspace()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO diptych_app', name);
    END LOOP;
END
$$;

CREATE POLICY owner_reads ON enrichment_queue FOR SELECT TO CURRENT_USER USING (true);

-- The enricher's only question across workspaces: where is something due?
CREATE FUNCTION cdp.workspaces_to_enrich(in_now timestamptz)
RETURNS TABLE (workspace_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT w.workspace_id FROM workspace w
    WHERE EXISTS (SELECT FROM enrichment_queue q WHERE q.workspace_id = w.workspace_id AND q.due_at <= in_now
                  AND (q.claimed_until IS NULL OR q.claimed_until <= now()))
    ORDER BY w.workspace_id
$$;
REVOKE ALL ON FUNCTION cdp.workspaces_to_enrich(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.workspaces_to_enrich(timestamptz) TO diptych_app;

-- migrate:down
DROP FUNCTION cdp.workspaces_to_enrich(timestamptz);
DROP TABLE enrichment_backfill_subject, enrichment_backfill, enrichment_queue, enrichment_tally, enrichment_call,
    enrichment_provider, enrichment_spend, enrichment_budget, enrichment_settings, account_enrichment_asked,
    account_enrichment;
ALTER TABLE enrichment_asked DROP COLUMN found;
ALTER TABLE enrichment DROP COLUMN currency;
