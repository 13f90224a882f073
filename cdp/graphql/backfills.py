"""People and accounts that are enriched because an administrator chose them: estimates, and how far it is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry.scalars import ID

from cdp.enrichment.estimate import Estimate, ProviderEstimate
from cdp.enrichment.report import Backfill
from cdp.model import Subject
from cdp.model.ids import encode_id


@strawberry.type(name="EnrichmentCost", description="An exact amount of money.")
class CostType:
    """An amount."""

    currency: str = strawberry.field(description="ISO 4217 code.")
    amount: Decimal = strawberry.field(description="How much.")


@strawberry.type(
    name="EnrichmentBackfill",
    description="People or accounts that were chosen to be enriched, and how far that is.",
)
class BackfillType:
    """A backfill."""

    id: ID = strawberry.field(description="By which it can be asked for.")
    subject: Subject = strawberry.field(description="What it enriches.")
    total: int = strawberry.field(description="How many were chosen.")
    done: int = strawberry.field(description="How many of them are enriched as far as can be.")
    costs: list[CostType] = strawberry.field(
        description="What it has cost so far, with what is reserved for calls that are under way."
    )
    asked_by: str = strawberry.field(description="Name of the key that asked for it.")
    started_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(
        description="When the last one was done; null: not all are."
    )
    cancelled_at: datetime | None = strawberry.field(description="When it was cancelled; null: it was not.")

    @classmethod
    def of(cls, backfill: Backfill) -> BackfillType:
        """As GraphQL shows it."""
        return cls(
            id=ID(encode_id("EnrichmentBackfill", backfill.backfill_id)),
            subject=backfill.subject,
            total=backfill.total,
            done=backfill.done,
            costs=[CostType(currency=one.currency, amount=one.amount) for one in backfill.costs],
            asked_by=backfill.asked_by,
            started_at=backfill.started_at,
            finished_at=backfill.last_at if backfill.done == backfill.total else None,
            cancelled_at=backfill.cancelled_at,
        )


@strawberry.type(
    name="EnrichmentProviderEstimate", description="What a backfill would ask of one provider, and pay it."
)
class ProviderEstimateType:
    """An estimate of one provider."""

    provider: str = strawberry.field(description="Its name.")
    currency: str = strawberry.field(description="ISO 4217 code.")
    calls: int = strawberry.field(
        description="Calls, where every provider that is asked knows all it declares."
    )
    most_calls: int = strawberry.field(
        description="Calls, where every subject goes down the whole waterfall."
    )
    cost: Decimal = strawberry.field(description="What the calls cost.")
    most_cost: Decimal = strawberry.field(description="What the most calls cost: it cannot become dearer.")

    @classmethod
    def of(cls, one: ProviderEstimate) -> ProviderEstimateType:
        """As GraphQL shows it."""
        return cls(
            provider=one.provider,
            currency=one.currency,
            calls=one.calls,
            most_calls=one.most_calls,
            cost=one.cost,
            most_cost=one.most_cost,
        )


@strawberry.type(
    name="EnrichmentEstimate",
    description="What a backfill would do. Budgets and limits may spread it over days, and never make it dearer.",
)
class EstimateType:
    """An estimate."""

    subjects: int = strawberry.field(description="How many people or accounts the filter matches.")
    estimated_from: int = strawberry.field(
        description="Of how many the figures were computed; the others are taken to be like them."
    )
    providers: list[ProviderEstimateType] = strawberry.field(description="By provider that would be asked.")

    @classmethod
    def of(cls, estimate: Estimate) -> EstimateType:
        """As GraphQL shows it."""
        return cls(
            subjects=estimate.subjects,
            estimated_from=estimate.estimated_from,
            providers=[ProviderEstimateType.of(one) for one in estimate.providers],
        )
