"""Points that plugins add beside the exact figures of a panel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from cdp.plan.fields import column, rows
from cdp.plan.labels import NONE, PII, Labels


@strawberry.type(
    description="Points that a plugin adds beside what the core knows exactly. They are taken back when the plugin no "
    "longer says so, or is turned off."
)
class ScoreContribution:
    """One contribution."""

    name: str = column("x.name", description="What it is for, as the plugin calls it.")
    points: float = column("x.points", description="How many; what lowers a score has fewer than none.")
    source: str = column("x.source", description="The plugin that contributes it.")
    reason: str | None = column("x.reason", labels=PII, description="Why; it may quote a trait.")
    facts: JSON | None = column("x.facts", labels=PII, description="The figures behind it.")
    since: datetime = column("x.since", description="When it was first contributed.")
    until: datetime | None = column(
        "x.valid_until", description="When it ends by itself; null: when the plugin says so."
    )


def points_sql(panel: str) -> str:
    """The sum of a panel's contributions."""
    return f"(SELECT coalesce(sum(x.points), 0) FROM {{scored}} AND x.panel = '{panel}')"


def points(panel: str, *, labels: Labels = NONE) -> Any:
    """A field of the sum of a panel's contributions."""
    return column(
        points_sql(panel),
        labels=labels,
        description="Sum of the points that plugins add; the exact figures beside it are without them.",
    )


def contributions(panel: str, *, labels: Labels = NONE) -> Any:
    """A field of a panel's contributions."""
    return rows(
        "(SELECT x.profile_id, x.account_id, x.name, x.points, x.source, x.reason, x.facts, x.since, x.valid_until"
        f" FROM {{scored}} AND x.panel = '{panel}') x",
        order="abs(x.points) DESC, x.source, x.name, x.profile_id, x.account_id",
        labels=labels,
        description="Points that plugins add, the most first, each with its reason and source.",
    )


INFLUENCE_SCORED = (
    "score_contribution x WHERE x.workspace_id = $1 AND x.profile_id = m.profile_id AND x.account_id = m.account_id"
    " AND x.panel = 'INFLUENCE' AND (x.valid_until IS NULL OR x.valid_until > {as_of})"
)
"""What plugins add to the influence of the membership `m`."""
INFLUENCE_POINTS = f"(SELECT coalesce(sum(x.points), 0) FROM {INFLUENCE_SCORED})"
