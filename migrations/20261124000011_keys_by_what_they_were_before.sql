-- migrate:up transaction:false

-- A rotated key is found by its former hash too. Built while writers go on, and so in no transaction, which is why there
-- is one statement and no more; what a build left half done is cleared away before the next one.
CREATE INDEX CONCURRENTLY IF NOT EXISTS api_key_previous_hash ON api_key (previous_hash)
    WHERE previous_hash IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY api_key_previous_hash;
