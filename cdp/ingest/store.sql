-- name: lock_workspace
-- Holds off changes of settings and catalogue, which take the same lock alone; and has kept plans go by index, row by row.
SELECT pg_advisory_xact_lock_shared(7001, $1::int),
       -- Statistics of tables that grow quickly are old: they make a hash of a table that was small.
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)

-- name: store_messages
-- Remembers message ids in these months: ($1 workspace, $2 sorted md5, $3 months); returns those that were known already.
-- What other months hold is asked for all ids at once: one sweep over each index, where a look-up a message takes five times as long.
WITH known AS MATERIALIZED (
    SELECT k.message_hash FROM event_message k
    WHERE k.workspace_id = $1 AND k.message_hash = ANY ($2::uuid[]) AND k.month <> ALL ($3::date[])
      -- Said once more, so that PostgreSQL does not even look into the month that is written: it is the largest.
      AND (k.month < ($3::date[])[1] OR k.month > ($3::date[])[1])
), written AS (
    INSERT INTO event_message (workspace_id, message_hash, month)
    SELECT $1, w.hash, m.month
    FROM unnest($2::uuid[]) AS w (hash) CROSS JOIN unnest($3::date[]) AS m (month)
    WHERE NOT EXISTS (SELECT FROM known k WHERE k.message_hash = w.hash)
    ORDER BY m.month, w.hash
    ON CONFLICT (workspace_id, message_hash, month) DO NOTHING
    RETURNING message_hash, month
)
SELECT array_agg(DISTINCT u.hash) FROM (
    SELECT w.hash, m.month FROM unnest($2::uuid[]) AS w (hash) CROSS JOIN unnest($3::date[]) AS m (month)
    EXCEPT
    SELECT w.message_hash, w.month FROM written w
) u

-- name: store_events
-- Writes the facts, in the order of arrival: that of the arrays.
INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, account_id, intent, usage,
                   source, properties, context)
SELECT $1, e.occurred_at, e.received_at, e.message_id, e.type, e.name, e.node_id, e.account_id, e.intent, e.usage,
       e.source, e.properties::jsonb, e.context::jsonb
FROM unnest($2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
            $9::boolean[], $10::boolean[], $11::text[], $12::text[], $13::text[])
     AS e (occurred_at, received_at, message_id, type, name, node_id, account_id, intent, usage, source, properties,
           context)

-- name: keep_refused
-- Keeps refused items as they arrived, with the reason.
INSERT INTO refused_event (workspace_id, received_at, source, code, message, body)
SELECT $1, r.received_at, r.source, r.code, r.message, r.body
FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bytea[])
     AS r (received_at, source, code, message, body)

-- name: list_refused
-- The newest refused items before $2, at most $3 of them.
SELECT refused_id, received_at, source, code, message, body, replayed_at FROM refused_event
WHERE workspace_id = $1 AND ($2::bigint IS NULL OR refused_id < $2)
ORDER BY refused_id DESC
LIMIT $3

-- name: refused_to_replay
-- Refused items that have not been replayed yet: those of $2, or all after $3; oldest first, at most $4.
SELECT refused_id, received_at, source, code, message, body FROM refused_event
WHERE workspace_id = $1 AND replayed_at IS NULL AND ($2::bigint[] IS NULL OR refused_id = ANY ($2)) AND refused_id > $3
ORDER BY refused_id
LIMIT $4

-- name: mark_replayed
-- Marks refused items whose events are stored now.
UPDATE refused_event SET replayed_at = $3
WHERE workspace_id = $1 AND refused_id = ANY ($2::bigint[]) AND replayed_at IS NULL

-- name: refuse_anew
-- Gives items that were refused again the reason of today, and forgets the bodies of those that must not be kept.
UPDATE refused_event SET code = r.code, message = r.message, body = CASE WHEN r.forget THEN ''::bytea ELSE body END
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::boolean[]) AS r (refused_id, code, message, forget)
WHERE refused_event.workspace_id = $1 AND refused_event.refused_id = r.refused_id

-- name: expire_refused
-- Forgets refused items that arrived before $2, the oldest first, at most $3.
DELETE FROM refused_event r
WHERE r.workspace_id = $1
  AND r.refused_id IN (SELECT o.refused_id FROM refused_event o
                       WHERE o.workspace_id = $1 AND o.received_at < $2
                       ORDER BY o.received_at LIMIT $3)
