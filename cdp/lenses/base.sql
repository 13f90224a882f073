-- name: add_tallies
-- Adds tallies of events that are dropped: ($1 workspace, $2 … keys and values, $10 epoch, $11 half-life in days).
-- Weights that were added under another epoch or half-life go on from what they were worth at this epoch.
INSERT INTO base_tally AS b
    (workspace_id, node_id, account_id, kind, key, count, first_at, last_at, units, epoch, half_life_days)
SELECT $1, u.node_id, u.account_id, u.kind, u.key, u.count, u.first_at, u.last_at, u.units::numeric, $10, $11
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::timestamptz[],
            $9::text[]) AS u (node_id, account_id, kind, key, count, first_at, last_at, units)
ON CONFLICT (workspace_id, node_id, account_id, kind, key) DO UPDATE SET
    count = b.count + excluded.count,
    first_at = least(b.first_at, excluded.first_at),
    last_at = greatest(b.last_at, excluded.last_at),
    units = round(b.units * power(2.0::float8, extract(epoch FROM b.epoch - excluded.epoch)::float8
                                               / (86400.0 * b.half_life_days))::numeric) + excluded.units,
    epoch = excluded.epoch,
    half_life_days = excluded.half_life_days;

-- name: add_days
-- Adds days of events that are dropped.
INSERT INTO base_day AS b (workspace_id, node_id, account_id, feature, day, count)
SELECT $1, u.node_id, u.account_id, u.feature, u.day, u.count
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::date[], $6::bigint[])
    AS u (node_id, account_id, feature, day, count)
ON CONFLICT (workspace_id, node_id, account_id, feature, day) DO UPDATE SET count = b.count + excluded.count;

-- name: add_registers
-- Replaces values of events that were dropped before, where these are later.
INSERT INTO base_register AS b
    (workspace_id, node_id, account_id, kind, key, value, occurred_at, message_id, source)
SELECT $1, u.node_id, u.account_id, u.kind, u.key, u.value::jsonb, u.occurred_at, u.message_id, u.source
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS u (node_id, account_id, kind, key, value, occurred_at, message_id, source)
ON CONFLICT (workspace_id, node_id, account_id, kind, key) DO UPDATE SET
    value = excluded.value,
    occurred_at = excluded.occurred_at,
    message_id = excluded.message_id,
    source = excluded.source
WHERE (b.occurred_at, b.message_id COLLATE "C") < (excluded.occurred_at, excluded.message_id);

-- name: orders_of
-- What dropped events said of some nodes' orders: ($1 workspace, $2 node ids).
SELECT o.node_id, o.account_id, o.order_id, o.currency, o.total, o.total_at, o.total_message_id, o.refunded,
       o.refunded_whole, o.cancelled, o.first_at, o.last_at
FROM base_order o
WHERE o.workspace_id = $1 AND o.node_id = ANY($2::bigint[]) AND ($3::text[] IS NULL OR o.order_id = ANY($3::text[]))
ORDER BY o.node_id, o.account_id, o.order_id;

-- name: set_orders
-- Writes what dropped events say of orders, all of it.
INSERT INTO base_order AS b
    (workspace_id, node_id, account_id, order_id, currency, total, total_at, total_message_id, refunded,
     refunded_whole, cancelled, first_at, last_at)
SELECT $1, u.node_id, u.account_id, u.order_id, u.currency, u.total, u.total_at, u.total_message_id, u.refunded,
       u.refunded_whole, u.cancelled, u.first_at, u.last_at
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::numeric[], $7::timestamptz[], $8::text[],
            $9::numeric[], $10::boolean[], $11::boolean[], $12::timestamptz[], $13::timestamptz[])
    AS u (node_id, account_id, order_id, currency, total, total_at, total_message_id, refunded, refunded_whole,
          cancelled, first_at, last_at)
ON CONFLICT (workspace_id, node_id, account_id, order_id) DO UPDATE SET
    currency = excluded.currency, total = excluded.total, total_at = excluded.total_at,
    total_message_id = excluded.total_message_id, refunded = excluded.refunded,
    refunded_whole = excluded.refunded_whole, cancelled = excluded.cancelled, first_at = excluded.first_at,
    last_at = excluded.last_at;

-- name: tallies_of
-- Tallies of dropped events, weights as seen from an epoch: ($1 workspace, $2 node ids, $3 epoch).
SELECT b.node_id, b.account_id, b.kind, b.key, b.count, b.first_at, b.last_at,
       round(b.units * power(2.0::float8, extract(epoch FROM b.epoch - $3::timestamptz)::float8
                                          / (86400.0 * b.half_life_days))::numeric) AS units
FROM base_tally b
WHERE b.workspace_id = $1 AND b.node_id = ANY($2::bigint[])
ORDER BY b.node_id, b.account_id, b.kind, b.key;

-- name: days_of
-- Days of dropped events: ($1 workspace, $2 node ids).
SELECT b.node_id, b.account_id, b.feature, b.day, b.count
FROM base_day b
WHERE b.workspace_id = $1 AND b.node_id = ANY($2::bigint[])
ORDER BY b.node_id, b.account_id, b.feature, b.day;

-- name: registers_of
-- Registers of dropped events: ($1 workspace, $2 node ids).
SELECT b.node_id, b.account_id, b.kind, b.key, b.value, b.occurred_at, b.message_id, b.source
FROM base_register b
WHERE b.workspace_id = $1 AND b.node_id = ANY($2::bigint[])
ORDER BY b.node_id, b.account_id, b.kind, b.key;
