"""What enrichment may cost, and what it did: budgets, settings, the report."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from cdp.enrichment.report import ProviderReport
from cdp.enrichment.settings import Budget, EnrichmentSettings


@strawberry.type(
    name="EnrichmentReportRow", description="What one provider was asked and paid, in one currency."
)
class ReportRowType:
    """A row of the report."""

    provider: str = strawberry.field(description="Its name.")
    currency: str = strawberry.field(description="ISO 4217 code.")
    calls: int = strawberry.field(description="Calls that were made.")
    hits: int = strawberry.field(description="Answers that gave at least one field.")
    misses: int = strawberry.field(description="Answers that gave none.")
    failures: int = strawberry.field(description="Calls without a usable answer.")
    cached: int = strawberry.field(description="Times that an earlier answer was still good.")
    hit_rate: float | None = strawberry.field(
        description="Hits among the answers, 0 to 1; null: there was no answer."
    )
    spent: Decimal = strawberry.field(description="What it was paid, exactly.")

    @classmethod
    def of(cls, row: ProviderReport) -> ReportRowType:
        """As GraphQL shows it."""
        return cls(
            provider=row.provider,
            currency=row.currency,
            calls=row.calls,
            hits=row.hits,
            misses=row.misses,
            failures=row.failures,
            cached=row.cached,
            hit_rate=row.hit_rate,
            spent=row.cost,
        )


@strawberry.type(name="EnrichmentBudget", description="What may be spent on enrichment in one currency.")
class BudgetType:
    """A budget."""

    currency: str = strawberry.field(description="ISO 4217 code.")
    per_day: Decimal = strawberry.field(description="On all subjects, from midnight to midnight UTC.")
    per_subject: Decimal | None = strawberry.field(
        description="On one person or account in a calendar month (UTC); null: no limit but that of the day."
    )
    spent_today: Decimal = strawberry.field(
        description="What was spent today, with what is reserved for calls that are under way."
    )

    @classmethod
    def of(cls, budget: Budget) -> BudgetType:
        """As GraphQL shows it."""
        return cls(
            currency=budget.currency,
            per_day=budget.per_day,
            per_subject=budget.per_subject,
            spent_today=budget.spent_today,
        )


@strawberry.type(name="EnrichmentSettings", description="What a workspace allows enrichment.")
class SettingsType:
    """Settings of enrichment."""

    confidence: float = strawberry.field(
        description="A field that is known so surely is not asked for any more."
    )
    fields: list[str] | None = strawberry.field(
        description="The fields that are wanted; null: whatever providers declare."
    )
    budgets: list[BudgetType] = strawberry.field(
        description="By currency; no money is spent in one that is missing here."
    )

    @classmethod
    def of(cls, settings: EnrichmentSettings) -> SettingsType:
        """As GraphQL shows it."""
        return cls(
            confidence=settings.confidence,
            fields=None if settings.fields is None else list(settings.fields),
            budgets=[BudgetType.of(one) for one in settings.budgets],
        )
