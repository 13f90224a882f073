"""Traits that provider plugins contributed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry.scalars import JSON

from cdp.graphql.identifiers import Identifier
from cdp.graphql.personal import is_personal
from cdp.plan.fields import column, nested
from cdp.plan.labels import PII


@strawberry.type(description="A trait that a provider contributed, with where it comes from.")
class EnrichedTrait:
    """One trait."""

    key: str = column("e.key", description="Name of the trait.")
    value: JSON | None = column(
        "e.value",
        labels=PII,
        redacted=f"CASE WHEN NOT {is_personal('e.key', 'e.value')} THEN e.value END",
        description="Its value; null where it identifies the person and the caller may not read personal data.",
    )
    provider: str = column("e.provider", description="The plugin that contributed it.")
    confidence: float = column("e.confidence", description="How sure the provider is, above 0 and up to 1.")
    cost: Decimal = column("e.cost", description="What it cost, in the workspace's currency.")
    about: Identifier = nested(description="The identifier that it was derived from.")
    fetched_at: datetime = column("e.fetched_at", description="When it was fetched.")
    expires_at: datetime | None = column("e.expires_at", description="When it is fetched anew; null: never.")
