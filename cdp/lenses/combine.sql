-- name: combine
-- Adds summaries to those of the same keys, in all tables at once: for a small flush a round trip is a lot.
WITH
-- Tallies, by (node, account, kind, key): count and units by sum, first and last by extremes.
tallies AS (
    INSERT INTO summary_tally AS s
        (workspace_id, node_id, account_id, kind, key, count, first_at, last_at, units)
    SELECT $1, u.node_id, u.account_id, u.kind, u.key, u.count, u.first_at, u.last_at, u.units::numeric
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::timestamptz[],
                $9::text[]) AS u (node_id, account_id, kind, key, count, first_at, last_at, units)
    ON CONFLICT (workspace_id, node_id, account_id, kind, key) DO UPDATE SET
        count = s.count + excluded.count,
        first_at = least(s.first_at, excluded.first_at),
        last_at = greatest(s.last_at, excluded.last_at),
        units = s.units + excluded.units
),
-- Days, by (node, account, feature, day): counts by sum.
days AS (
    INSERT INTO summary_day AS s (workspace_id, node_id, account_id, feature, day, count)
    SELECT $1, u.node_id, u.account_id, u.feature, u.day, u.count
    FROM unnest($10::bigint[], $11::bigint[], $12::text[], $13::date[], $14::bigint[])
        AS u (node_id, account_id, feature, day, count)
    ON CONFLICT (workspace_id, node_id, account_id, feature, day) DO UPDATE SET count = s.count + excluded.count
),
-- Registers: values replace those that are older by (occurred_at, message_id).
registers AS (
    INSERT INTO summary_register AS s
        (workspace_id, node_id, account_id, kind, key, value, occurred_at, message_id, source)
    SELECT $1, u.node_id, u.account_id, u.kind, u.key, u.value::jsonb, u.occurred_at, u.message_id, u.source
    FROM unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::text[], $20::timestamptz[], $21::text[],
                $22::text[])
        AS u (node_id, account_id, kind, key, value, occurred_at, message_id, source)
    ON CONFLICT (workspace_id, node_id, account_id, kind, key) DO UPDATE SET
        value = excluded.value,
        occurred_at = excluded.occurred_at,
        message_id = excluded.message_id,
        source = excluded.source
    WHERE (s.occurred_at, s.message_id COLLATE "C") < (excluded.occurred_at, excluded.message_id)
)
-- Orders, by (node, account, order): the latest total stands, refunds sum, a cancellation sticks.
INSERT INTO summary_order AS s
    (workspace_id, node_id, account_id, order_id, currency, total, total_at, total_message_id, refunded,
     refunded_whole, cancelled, first_at, last_at)
SELECT $1, u.node_id, u.account_id, u.order_id, u.currency, u.total, u.total_at, u.total_message_id, u.refunded,
       u.refunded_whole, u.cancelled, u.first_at, u.last_at
FROM unnest($23::bigint[], $24::bigint[], $25::text[], $26::text[], $27::numeric[], $28::timestamptz[], $29::text[],
            $30::numeric[], $31::boolean[], $32::boolean[], $33::timestamptz[], $34::timestamptz[])
    AS u (node_id, account_id, order_id, currency, total, total_at, total_message_id, refunded, refunded_whole,
          cancelled, first_at, last_at)
ON CONFLICT (workspace_id, node_id, account_id, order_id) DO UPDATE SET
    currency = CASE
        WHEN s.total_at IS NULL AND excluded.total_at IS NULL THEN least(s.currency, excluded.currency)
        WHEN s.total_at IS NULL OR (s.total_at, s.total_message_id COLLATE "C") < (excluded.total_at, excluded.total_message_id)
            THEN excluded.currency
        ELSE s.currency END,
    total = CASE WHEN s.total_at IS NULL OR (s.total_at, s.total_message_id COLLATE "C")
        < (excluded.total_at, excluded.total_message_id) THEN excluded.total ELSE s.total END,
    total_at = CASE WHEN s.total_at IS NULL OR (s.total_at, s.total_message_id COLLATE "C")
        < (excluded.total_at, excluded.total_message_id) THEN excluded.total_at ELSE s.total_at END,
    total_message_id = CASE WHEN s.total_at IS NULL OR (s.total_at, s.total_message_id COLLATE "C")
        < (excluded.total_at, excluded.total_message_id) THEN excluded.total_message_id ELSE s.total_message_id END,
    refunded = s.refunded + excluded.refunded,
    refunded_whole = s.refunded_whole OR excluded.refunded_whole,
    cancelled = s.cancelled OR excluded.cancelled,
    first_at = least(s.first_at, excluded.first_at),
    last_at = greatest(s.last_at, excluded.last_at);
