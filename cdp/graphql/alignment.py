"""An account's buyers against its users, in SQL: over the people who are in the account `a` today."""

from __future__ import annotations

from cdp.graphql.facts import CURRENT, ROLES

USES = "EXISTS (SELECT FROM unnest(m.used_days) AS u (day) WHERE u.day > {today} - {window_days} AND u.day <= {today})"
BUYS = f"(m.purchase_count > 0 OR EXISTS (SELECT FROM {ROLES} WHERE c.role = 'ECONOMIC_BUYER' AND {CURRENT}))"
PRESENT = (
    "membership m WHERE m.workspace_id = $1 AND m.account_id = a.account_id"
    " AND (m.until IS NULL OR m.until > {as_of})"
)

ALIGNMENT = (
    f"CASE WHEN EXISTS (SELECT FROM {PRESENT} AND {USES})"
    f" THEN CASE WHEN EXISTS (SELECT FROM {PRESENT} AND {BUYS}) THEN 'ALIGNED' ELSE 'USERS_WITHOUT_BUYER' END"
    f" WHEN EXISTS (SELECT FROM {PRESENT} AND m.purchase_count > 0) THEN 'BUYER_WITHOUT_USERS' ELSE 'DORMANT' END"
)
"""cdp.lenses.phases.alignment in SQL."""
