-- migrate:up transaction:false

-- Accounts that went into another are found by that one. Built while writers go on, and so in no transaction, which is
-- why there is one statement and no more; what a build left half done is cleared away before the next one.
CREATE INDEX CONCURRENTLY IF NOT EXISTS account_by_merged ON account (workspace_id, merged_into)
    WHERE merged_into IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY account_by_merged;
