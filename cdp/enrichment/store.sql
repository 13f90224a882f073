-- name: remove_traits
-- Traits of people that their provider no longer gives; $2 and $3 are who was asked about what, $4 to $6 what was answered.
DELETE FROM enrichment e
USING unnest($2::bigint[], $3::text[]) AS asked (node_id, provider)
WHERE e.workspace_id = $1 AND e.node_id = asked.node_id AND e.provider = asked.provider
  AND (e.node_id, e.provider, e.key) NOT IN (SELECT * FROM unnest($4::bigint[], $5::text[], $6::text[]))

-- name: keep_traits
-- Traits of people that providers gave, in the place of what they gave before; what they cost adds up.
INSERT INTO enrichment AS e
    (workspace_id, node_id, provider, key, value, confidence, cost, currency, fetched_at, expires_at)
SELECT $1, n.node_id, n.provider, n.key, n.value::jsonb, n.confidence, n.cost, n.currency, $2, n.expires_at
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::numeric[], $9::text[],
            $10::timestamptz[]) AS n (node_id, provider, key, value, confidence, cost, currency, expires_at)
ORDER BY n.node_id, n.provider, n.key
ON CONFLICT (workspace_id, node_id, provider, key) DO UPDATE
SET value = excluded.value, confidence = excluded.confidence, fetched_at = excluded.fetched_at,
    expires_at = excluded.expires_at, currency = excluded.currency,
    cost = excluded.cost + CASE WHEN e.currency = excluded.currency THEN e.cost ELSE 0 END

-- name: note_asked
-- Providers that have been asked about identifiers, or passed over, and when to ask them again; who was passed over stays
-- so where they have an answer.
INSERT INTO enrichment_asked AS a (workspace_id, node_id, provider, asked_at, due_at, found)
SELECT $1, n.node_id, n.provider, $2, n.due_at, n.found
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::boolean[]) AS n (node_id, provider, due_at, found)
ORDER BY n.node_id, n.provider
ON CONFLICT (workspace_id, node_id, provider) DO UPDATE
SET asked_at = excluded.asked_at, due_at = excluded.due_at, found = excluded.found
WHERE excluded.found IS NOT NULL OR a.found IS NULL OR a.due_at <= $2

-- name: expire_traits
-- Traits of people whose time is over, the longest over first; readers have not been shown them since.
DELETE FROM enrichment e
WHERE e.workspace_id = $1
  AND (e.node_id, e.provider, e.key) IN (
      SELECT o.node_id, o.provider, o.key FROM enrichment o
      WHERE o.workspace_id = $1 AND o.expires_at <= $2
      ORDER BY o.expires_at LIMIT $3)

-- name: remove_account_traits
-- Traits of accounts that their provider no longer gives.
DELETE FROM account_enrichment e
USING unnest($2::bigint[], $3::text[]) AS asked (account_id, provider)
WHERE e.workspace_id = $1 AND e.account_id = asked.account_id AND e.provider = asked.provider
  AND (e.account_id, e.provider, e.key) NOT IN (SELECT * FROM unnest($4::bigint[], $5::text[], $6::text[]))

-- name: keep_account_traits
-- Traits of accounts that providers gave, in the place of what they gave before; what they cost adds up.
INSERT INTO account_enrichment AS e
    (workspace_id, account_id, provider, key, value, confidence, cost, currency, fetched_at, expires_at)
SELECT $1, n.account_id, n.provider, n.key, n.value::jsonb, n.confidence, n.cost, n.currency, $2, n.expires_at
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::numeric[], $9::text[],
            $10::timestamptz[]) AS n (account_id, provider, key, value, confidence, cost, currency, expires_at)
ORDER BY n.account_id, n.provider, n.key
ON CONFLICT (workspace_id, account_id, provider, key) DO UPDATE
SET value = excluded.value, confidence = excluded.confidence, fetched_at = excluded.fetched_at,
    expires_at = excluded.expires_at, currency = excluded.currency,
    cost = excluded.cost + CASE WHEN e.currency = excluded.currency THEN e.cost ELSE 0 END

-- name: note_account_asked
-- Providers that have been asked about accounts, or passed over, and when to ask them again.
INSERT INTO account_enrichment_asked AS a (workspace_id, account_id, provider, asked_at, due_at, found)
SELECT $1, n.account_id, n.provider, $2, n.due_at, n.found
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::boolean[]) AS n (account_id, provider, due_at, found)
ORDER BY n.account_id, n.provider
ON CONFLICT (workspace_id, account_id, provider) DO UPDATE
SET asked_at = excluded.asked_at, due_at = excluded.due_at, found = excluded.found
WHERE excluded.found IS NOT NULL OR a.found IS NULL OR a.due_at <= $2

-- name: expire_account_traits
-- Traits of accounts whose time is over, the longest over first.
DELETE FROM account_enrichment e
WHERE e.workspace_id = $1
  AND (e.account_id, e.provider, e.key) IN (
      SELECT o.account_id, o.provider, o.key FROM account_enrichment o
      WHERE o.workspace_id = $1 AND o.expires_at <= $2
      ORDER BY o.expires_at LIMIT $3)
