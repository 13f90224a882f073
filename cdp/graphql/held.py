"""Roles that are held, whatever the sources: the claims of one role taken together."""

from __future__ import annotations

import strawberry

from cdp.graphql.facts import CURRENT
from cdp.plan.fields import column
from cdp.plan.labels import BOTH
from cdp.roles.combine import SUREST


@strawberry.type(description="A role that is held, whatever the sources, all their claims taken together.")
class HeldRole:
    """One role."""

    role: str = column("h.role", description="The role.")
    confidence: float | None = column(
        "h.confidence",
        labels=BOTH,
        redacted="CASE WHEN h.asserted THEN h.confidence END",
        description="1 if a person says so; else 1 − Π(1 − confidence) over the plugins that claim it, at most "
        "0.99, and "
        "null for whoever may not see both panels: it moves with what people do.",
    )
    asserted: bool = column("h.asserted", description="Whether a person says so.")
    sources: list[str] = column(
        "h.sources",
        labels=BOTH,
        redacted="h.names",
        description="Who claims it: people first, then plugins, the surest first; for whoever may not see both panels, "
        "by name.",
    )


def held(roles: str) -> str:
    """The current claims of a membership by role: cdp.roles.combine in SQL; a test compares the two."""
    return f"""(
    SELECT c.role, coalesce(bool_or(c.source LIKE 'human:%'), false) AS asserted,
           CASE WHEN bool_or(c.source LIKE 'human:%') THEN 1
                ELSE round(least({SUREST}, 1 - exp(sum(ln(greatest(1 - c.confidence, 1e-9)))))::numeric, 3)::float8
           END AS confidence,
           json_agg(c.source ORDER BY c.source LIKE 'human:%' DESC, c.confidence DESC, c.source) AS sources,
           json_agg(c.source ORDER BY c.source LIKE 'human:%' DESC, c.source) AS names
    FROM {roles} WHERE {CURRENT}
    GROUP BY c.role) h"""
