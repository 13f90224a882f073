-- name: settings
-- What the workspace has set; no row: the defaults.
SELECT confidence, fields FROM enrichment_settings WHERE workspace_id = $1

-- name: budgets
-- The budgets, with what has been spent and reserved today.
SELECT b.currency, b.per_day, b.per_subject, coalesce(s.amount, 0) AS spent
FROM enrichment_budget b
LEFT JOIN enrichment_spend s ON s.workspace_id = $1 AND s.currency = b.currency
    AND s.on_day = (clock_timestamp() AT TIME ZONE 'UTC')::date
WHERE b.workspace_id = $1
ORDER BY b.currency

-- name: set_settings
-- Sets what is sure enough, and which fields are wanted.
INSERT INTO enrichment_settings (workspace_id, confidence, fields) VALUES ($1, $2, $3)
ON CONFLICT (workspace_id) DO UPDATE SET confidence = excluded.confidence, fields = excluded.fields

-- name: set_budgets
-- Sets budgets.
INSERT INTO enrichment_budget (workspace_id, currency, per_day, per_subject)
SELECT $1, n.currency, n.per_day, n.per_subject
FROM unnest($2::text[], $3::numeric[], $4::numeric[]) AS n (currency, per_day, per_subject)
ORDER BY n.currency
ON CONFLICT (workspace_id, currency) DO UPDATE
SET per_day = excluded.per_day, per_subject = excluded.per_subject

-- name: drop_budgets
-- Takes away the budgets of all other currencies.
DELETE FROM enrichment_budget WHERE workspace_id = $1 AND NOT currency = ANY ($2::text[])
