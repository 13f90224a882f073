"""An account's buyers against its users: over the people who are in the account `a` today."""

from __future__ import annotations

import strawberry

from cdp.graphql.facts import CURRENT, ROLES
from cdp.plan.fields import column
from cdp.plan.labels import INTENT, USAGE

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


def _people(which: str) -> str:
    return f"(SELECT count(*) FROM {PRESENT} AND {which})"


_PURCHASES = f"(SELECT coalesce(sum(m.purchase_count), 0) FROM {PRESENT})"


@strawberry.type(description="The figures behind an account's alignment.")
class AlignmentFigures:
    """Buyers against users."""

    people: int = column(
        _people("true"),
        description="Everybody who is in the account today, or acted in it without being a member.",
    )
    buyers: int | None = column(
        _people(BUYS),
        labels=INTENT,
        description="People who bought something, or hold the role ECONOMIC_BUYER.",
    )
    purchases: int | None = column(_PURCHASES, labels=INTENT, description="Orders and contracts that count.")
    intent_score: float | None = column(
        f"(SELECT round((coalesce(sum(m.intent_rank), 0) * {{decay}})::numeric, 6)::float8 FROM {PRESENT})",
        labels=INTENT,
        description="Sum of the people's scores.",
    )
    active_people: int | None = column(
        _people(USES), labels=USAGE, description="People with usage in the workspace's window."
    )
    past_people: int | None = column(
        _people(f"m.last_used_at IS NOT NULL AND NOT {USES}"),
        labels=USAGE,
        description="People who used it before the window, and not in it.",
    )
