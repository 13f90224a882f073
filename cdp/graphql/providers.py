"""What administrators see of enrichment: providers, what was spent, budgets, backfills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scope
from cdp.enrichment import report
from cdp.enrichment.providers import Source, sources_of
from cdp.enrichment.report import ProviderState
from cdp.enrichment.settings import read as read_settings
from cdp.errors import BadInput
from cdp.graphql.backfills import BackfillType
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.spending import ReportRowType, SettingsType
from cdp.graphql.vocabulary import describe
from cdp.model import Charged, Subject
from cdp.model.ids import decode_id_of

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


@strawberry.type
class EnrichmentQuery:
    """Fields of Query about enrichment, for administrators."""

    @strawberry.field(
        description="The providers of enrichment in this workspace, and how they do.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def enrichment_providers(self, info: Info) -> list[ProviderType] | None:
        """Those of people first."""
        workspace = await info.context.workspace()
        async with info.context.connection() as connection:
            found = await report.states(connection, workspace.workspace_id)
        sources: Iterable[Source] = (
            source
            for subject in Subject
            for source in sources_of(info.context.services.plugins, workspace, subject)
        )
        return [ProviderType.of(one, found.get(one.name), info.context.as_of) for one in sources]

    @strawberry.field(
        description="What providers of enrichment were asked, found and paid.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
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
        until = until or info.context.as_of.date()
        since = since or date.fromordinal(max(1, until.toordinal() - 29))
        if since > until:
            raise BadInput("`since` is after `until`.")
        async with info.context.connection() as connection:
            rows = await report.report(connection, info.context.workspace_id, since=since, until=until)
        return [ReportRowType.of(row) for row in rows]

    @strawberry.field(
        description="How sure is sure enough, which fields are wanted, and what may be spent.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def enrichment_settings(self, info: Info) -> SettingsType | None:
        """Defaults included."""
        async with info.context.connection() as connection:
            return SettingsType.of(await read_settings(connection, info.context.workspace_id))

    @strawberry.field(
        description="Backfills of enrichment, the latest first, a hundred at most.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def enrichment_backfills(self, info: Info) -> list[BackfillType] | None:
        """All of them."""
        async with info.context.connection() as connection:
            found = await report.backfills(connection, info.context.workspace_id)
        return [BackfillType.of(one) for one in found]

    @strawberry.field(
        description="One backfill of enrichment; null: there is none of this id.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def enrichment_backfill(
        self,
        info: Info,
        id: Annotated[ID, strawberry.argument(description="Id of the backfill.")],  # noqa: A002 - GraphQL's name
    ) -> BackfillType | None:
        """How far it is."""
        backfill_id = decode_id_of("EnrichmentBackfill", str(id))
        async with info.context.connection() as connection:
            found = await report.backfills(connection, info.context.workspace_id, backfill_id)
        return BackfillType.of(found[0]) if found else None
