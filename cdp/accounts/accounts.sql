-- name: find_accounts
-- Living accounts of these group ids and of these domains.
-- The first name from the wanted one on: only the index of these names has them in order, and so PostgreSQL takes it also
-- as long as it knows nothing of the table; the other indexes begin with the workspace just so.
SELECT a.account_id, a.group_id, a.domain
FROM unnest($2::text[]) AS wanted (group_id)
CROSS JOIN LATERAL (
    SELECT a.account_id, a.group_id, a.domain FROM account a
    WHERE a.workspace_id = $1 AND a.group_id >= wanted.group_id AND a.merged_into IS NULL ORDER BY a.group_id LIMIT 1
) a
WHERE a.group_id = wanted.group_id
UNION
SELECT a.account_id, a.group_id, a.domain
FROM unnest($3::text[]) AS wanted (domain)
CROSS JOIN LATERAL (
    SELECT a.account_id, a.group_id, a.domain FROM account a
    WHERE a.workspace_id = $1 AND a.domain >= wanted.domain AND a.merged_into IS NULL ORDER BY a.domain LIMIT 1
) a
WHERE a.domain = wanted.domain;

-- name: lock_names
-- Whoever gives an account a group id or a domain holds its lock first, so that no two give it to different accounts.
WITH whole AS MATERIALIZED (
    -- A transaction with very many new accounts must not fill PostgreSQL's table of locks: it locks out all others.
    SELECT CASE WHEN cardinality($2::text[]) > 64 THEN pg_advisory_xact_lock(7003, $1::bigint::integer)
                ELSE pg_advisory_xact_lock_shared(7003, $1::bigint::integer) END AS locked
)
SELECT w.locked FROM whole w
UNION ALL
SELECT pg_advisory_xact_lock(7002, h.slot)
FROM (
    SELECT DISTINCT hashtext($1::bigint || ':' || name) AS slot FROM unnest($2::text[]) AS name
    WHERE cardinality($2::text[]) <= 64 ORDER BY 1
) h;

-- name: create_accounts
-- New accounts, by group id (`domain` null) or by domain (`group_id` null).
INSERT INTO account (workspace_id, group_id, domain, created_at)
SELECT $1, i.group_id, i.domain, $4
FROM unnest($2::text[], $3::text[]) AS i (group_id, domain)
RETURNING account_id, group_id, domain;

-- name: adopt_accounts
-- Gives accounts that were known by their domain alone a group id.
UPDATE account a SET group_id = i.group_id
FROM unnest($2::bigint[], $3::text[]) AS i (account_id, group_id)
WHERE a.workspace_id = $1 AND a.account_id = ANY ($2::bigint[]) AND a.account_id = i.account_id AND a.group_id IS NULL;

-- name: note_traits
-- The later of each trait stands; the answer is the accounts for which something did, which stay locked.
WITH locked AS MATERIALIZED (
    SELECT a.account_id
    FROM (SELECT DISTINCT account_id FROM unnest($2::bigint[]) AS i (account_id) ORDER BY account_id) wanted
    CROSS JOIN LATERAL (
        SELECT a.account_id FROM account a
        WHERE a.workspace_id = $1 AND a.account_id = wanted.account_id
        FOR NO KEY UPDATE
    ) a
), noted AS (
    INSERT INTO account_trait AS t (workspace_id, account_id, key, value, occurred_at, message_id, source)
    SELECT $1, i.account_id, i.key, i.value::jsonb, i.occurred_at, i.message_id, i.source
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
        AS i (account_id, key, value, occurred_at, message_id, source)
    WHERE (SELECT count(*) FROM locked) > 0
    ORDER BY i.account_id, i.key
    ON CONFLICT (workspace_id, account_id, key) DO UPDATE
    SET value = excluded.value, occurred_at = excluded.occurred_at, message_id = excluded.message_id,
        source = excluded.source
    WHERE (t.occurred_at, t.message_id COLLATE "C") <= (excluded.occurred_at, excluded.message_id COLLATE "C")
    RETURNING t.account_id
)
SELECT DISTINCT account_id FROM noted ORDER BY account_id;

-- name: load_traits
-- All that was said about accounts.
SELECT t.account_id, t.key, t.value, t.occurred_at, t.message_id, t.source
FROM account_trait t
WHERE t.workspace_id = $1 AND t.account_id = ANY ($2::bigint[])
ORDER BY t.account_id, t.key;

-- name: load_accounts
-- Accounts by id, as they are.
SELECT account_id, kind::text AS kind, group_id, domain, merged_into
FROM account WHERE workspace_id = $1 AND account_id = ANY ($2::bigint[])
ORDER BY account_id;

-- name: write_accounts
-- The columns that were read out of the traits.
UPDATE account a
SET kind = coalesce(i.kind::account_kind, a.kind), name = i.name, domain = i.domain,
    seats_licensed = i.seats_licensed, traits = i.traits::jsonb
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[])
    AS i (account_id, kind, name, domain, seats_licensed, traits)
WHERE a.workspace_id = $1 AND a.account_id = ANY ($2::bigint[]) AND a.account_id = i.account_id;

-- name: members_of
-- Profiles that something says are, or were, in these accounts.
SELECT DISTINCT n.profile_id
FROM membership_evidence e
JOIN node n ON n.workspace_id = $1 AND n.node_id = e.node_id
WHERE e.workspace_id = $1 AND e.account_id = ANY ($2::bigint[])
ORDER BY n.profile_id;

-- name: absorb_accounts
-- Merges accounts that were known by their domain alone into the ones that prove to have it, with all that hangs on them.
WITH pair AS MATERIALIZED (
    SELECT loser, survivor FROM unnest($2::bigint[], $3::bigint[]) AS p (loser, survivor)
), evidence AS (
    DELETE FROM membership_evidence e USING pair p
    WHERE e.workspace_id = $1 AND e.account_id = ANY ($2::bigint[]) AND e.account_id = p.loser
    RETURNING e.node_id, p.survivor, e.source, e.since, e.until, e.occurred_at, e.message_id
), moved_evidence AS (
    INSERT INTO membership_evidence AS k
        (workspace_id, node_id, account_id, source, since, until, occurred_at, message_id)
    SELECT DISTINCT ON (e.node_id, e.survivor, e.source)
           $1, e.node_id, e.survivor, e.source, e.since, e.until, e.occurred_at, e.message_id
    FROM evidence e
    ORDER BY e.node_id, e.survivor, e.source, e.occurred_at DESC, e.message_id COLLATE "C" DESC
    ON CONFLICT (workspace_id, node_id, account_id, source) DO UPDATE
    SET since = excluded.since, until = excluded.until, occurred_at = excluded.occurred_at,
        message_id = excluded.message_id
    WHERE k.source = 'human'
        AND (k.occurred_at, k.message_id COLLATE "C") < (excluded.occurred_at, excluded.message_id COLLATE "C")
), said AS (
    DELETE FROM account_trait t USING pair p
    WHERE t.workspace_id = $1 AND t.account_id = ANY ($2::bigint[]) AND t.account_id = p.loser
    RETURNING p.survivor, t.key, t.value, t.occurred_at, t.message_id, t.source
), moved_traits AS (
    INSERT INTO account_trait AS k (workspace_id, account_id, key, value, occurred_at, message_id, source)
    SELECT DISTINCT ON (s.survivor, s.key) $1, s.survivor, s.key, s.value, s.occurred_at, s.message_id, s.source
    FROM said s
    ORDER BY s.survivor, s.key, s.occurred_at DESC, s.message_id COLLATE "C" DESC
    ON CONFLICT (workspace_id, account_id, key) DO UPDATE
    SET value = excluded.value, occurred_at = excluded.occurred_at, message_id = excluded.message_id,
        source = excluded.source
    WHERE (k.occurred_at, k.message_id COLLATE "C") < (excluded.occurred_at, excluded.message_id COLLATE "C")
), asserted AS (
    UPDATE role_assertion r SET account_id = p.survivor
    FROM pair p WHERE r.workspace_id = $1 AND r.account_id = ANY ($2::bigint[]) AND r.account_id = p.loser
), denied AS (
    UPDATE role_denial d SET account_id = p.survivor
    FROM pair p WHERE d.workspace_id = $1 AND d.account_id = ANY ($2::bigint[]) AND d.account_id = p.loser
), ended AS (
    UPDATE role_claim SET until = $4
    WHERE workspace_id = $1 AND account_id = ANY ($2::bigint[]) AND until IS NULL
)
UPDATE account a SET merged_into = p.survivor
FROM pair p WHERE a.workspace_id = $1 AND a.account_id = ANY ($2::bigint[]) AND a.account_id = p.loser;

-- name: note_group_memberships
-- Who called `group`, and since when at the latest; written, and answered, only where it says more than is known.
INSERT INTO membership_evidence AS e
    (workspace_id, node_id, account_id, source, since, until, occurred_at, message_id)
SELECT $1, i.node_id, i.account_id, 'group', i.since, NULL, i.since, i.message_id
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[]) AS i (node_id, account_id, since, message_id)
ORDER BY i.node_id, i.account_id
ON CONFLICT (workspace_id, node_id, account_id, source) DO UPDATE
SET since = excluded.since, occurred_at = excluded.occurred_at, message_id = excluded.message_id
WHERE (excluded.since, excluded.message_id COLLATE "C") < (e.since, e.message_id COLLATE "C")
RETURNING e.node_id, e.account_id, e.since;

-- name: note_domain_memberships
-- Whose e-mail address is at an organisation's domain; since when is not known.
INSERT INTO membership_evidence (workspace_id, node_id, account_id, source, occurred_at, message_id)
SELECT $1, i.node_id, i.account_id, 'email_domain', $4, ''
FROM unnest($2::bigint[], $3::bigint[]) AS i (node_id, account_id)
ORDER BY i.node_id, i.account_id
ON CONFLICT (workspace_id, node_id, account_id, source) DO NOTHING
RETURNING node_id, account_id;

-- name: set_membership
-- What a person states about a membership; the later statement stands.
INSERT INTO membership_evidence AS e
    (workspace_id, node_id, account_id, source, since, until, occurred_at, message_id)
VALUES ($1, $2, $3, 'human', $4, $5, $6, $7)
ON CONFLICT (workspace_id, node_id, account_id, source) DO UPDATE
SET since = excluded.since, until = excluded.until, occurred_at = excluded.occurred_at,
    message_id = excluded.message_id
WHERE (e.occurred_at, e.message_id COLLATE "C") <= (excluded.occurred_at, excluded.message_id COLLATE "C");
