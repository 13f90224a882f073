"""What administrators see of enrichment: providers, what was spent, budgets, backfills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scope
from cdp.enrichment import report
from cdp.enrichment.estimate import Estimate, ProviderEstimate
from cdp.enrichment.providers import Source, sources_of
from cdp.enrichment.report import Backfill, ProviderReport, ProviderState
from cdp.enrichment.settings import Budget, EnrichmentSettings
from cdp.enrichment.settings import read as read_settings
from cdp.errors import BadInput
from cdp.graphql.context import Info
from cdp.graphql.vocabulary import describe
from cdp.model import Charged, Subject
from cdp.model.ids import decode_id_of, encode_id

describe(
    Subject,
    "What a provider of enrichment knows something about.",
    {"PERSON": "People.", "ACCOUNT": "Accounts: organisations and households."},
    name="EnrichmentSubject",
)
describe(
    Charged,
    "What a provider of enrichment takes money for.",
    {"HIT": "Answers that give at least one field.", "CALL": "Every answer."},
    name="EnrichmentCharge",
)


@strawberry.type(name="EnrichmentProvider", description="A provider of enrichment, as this workspace has it.")
class ProviderType:
    """A provider."""

    name: str = strawberry.field(description="Its name.")
    plugin: str = strawberry.field(description="The plugin that asks it.")
    subject: Subject = strawberry.field(description="What it knows something about.")
    fields: list[str] = strawberry.field(description="Keys of the traits that it may give; empty: any.")
    cost: Decimal = strawberry.field(description="The most that one call costs.")
    currency: str = strawberry.field(description="ISO 4217 code of the cost.")
    charged: Charged = strawberry.field(description="What it takes money for.")
    priority: int = strawberry.field(description="Smaller is asked earlier.")
    confidence: float = strawberry.field(
        description="How sure its answers usually are, above 0 and at most 1."
    )
    latency_seconds: float = strawberry.field(description="How long an answer is expected to take.")
    calls: int | None = strawberry.field(
        description="At most so many calls in any span of `perSeconds`; null: any number."
    )
    per_seconds: float | None = strawberry.field(
        description="The span of the rate limit; null: there is none."
    )
    at_once: int | None = strawberry.field(
        description="Calls that may be under way together, over all processes; null: any number."
    )
    time_to_live_seconds: float | None = strawberry.field(
        description="How long an answer is good for; null: it stays, and is asked for again after 30 days."
    )
    failures_in_row: int = strawberry.field(description="Calls that failed since one succeeded.")
    left_alone_until: datetime | None = strawberry.field(
        description="Until when it is not called, because it failed or asked for it; null: it is called."
    )

    @classmethod
    def of(cls, source: Source, state: ProviderState | None, now: datetime) -> ProviderType:
        """As GraphQL shows it."""
        provider = source.provider
        limit = provider.rate_limit
        until = None if state is None else state.blocked_until
        return cls(
            name=provider.name,
            plugin=source.plugin,
            subject=provider.subject,
            fields=list(provider.fields),
            cost=provider.cost,
            currency=provider.currency,
            charged=provider.charged,
            priority=provider.priority,
            confidence=provider.confidence,
            latency_seconds=provider.latency.total_seconds(),
            calls=None if limit is None else limit.calls,
            per_seconds=None if limit is None else limit.per.total_seconds(),
            at_once=provider.at_once,
            time_to_live_seconds=None
            if provider.time_to_live is None
            else provider.time_to_live.total_seconds(),
            failures_in_row=0 if state is None else state.failures_in_row,
            left_alone_until=until if until is not None and until > now else None,
        )


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


@strawberry.type
class EnrichmentQuery:
    """Fields of Query about enrichment, for administrators."""

    @strawberry.field(description="The providers of enrichment in this workspace, and how they do.")
    async def enrichment_providers(self, info: Info) -> list[ProviderType] | None:
        """Those of people first."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        workspace = await info.context.workspace()
        async with info.context.connection() as connection:
            found = await report.states(connection, workspace.workspace_id)
        sources: Iterable[Source] = (
            source
            for subject in Subject
            for source in sources_of(info.context.services.plugins, workspace, subject)
        )
        return [ProviderType.of(one, found.get(one.name), info.context.as_of) for one in sources]

    @strawberry.field(description="What providers of enrichment were asked, found and paid.")
    async def enrichment_report(
        self,
        info: Info,
        since: Annotated[
            date | None,
            strawberry.argument(description="The first day (UTC); null: 29 days before the last."),
        ] = None,
        until: Annotated[
            date | None, strawberry.argument(description="The last day (UTC); null: today.")
        ] = None,
    ) -> list[ReportRowType] | None:
        """The last thirty days, where nothing else is said."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        until = until or info.context.as_of.date()
        since = since or until - timedelta(days=29)
        if since > until:
            raise BadInput("`since` is after `until`.")
        async with info.context.connection() as connection:
            rows = await report.report(connection, info.context.workspace_id, since=since, until=until)
        return [ReportRowType.of(row) for row in rows]

    @strawberry.field(description="How sure is sure enough, which fields are wanted, and what may be spent.")
    async def enrichment_settings(self, info: Info) -> SettingsType | None:
        """Defaults included."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        async with info.context.connection() as connection:
            return SettingsType.of(await read_settings(connection, info.context.workspace_id))

    @strawberry.field(description="Backfills of enrichment, the latest first, a hundred at most.")
    async def enrichment_backfills(self, info: Info) -> list[BackfillType] | None:
        """All of them."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        async with info.context.connection() as connection:
            found = await report.backfills(connection, info.context.workspace_id)
        return [BackfillType.of(one) for one in found]

    @strawberry.field(description="One backfill of enrichment; null: there is none of this id.")
    async def enrichment_backfill(
        self,
        info: Info,
        id: Annotated[ID, strawberry.argument(description="Id of the backfill.")],  # noqa: A002 - GraphQL's name
    ) -> BackfillType | None:
        """How far it is."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        backfill_id = decode_id_of("EnrichmentBackfill", str(id))
        async with info.context.connection() as connection:
            found = await report.backfills(connection, info.context.workspace_id, backfill_id)
        return BackfillType.of(found[0]) if found else None
