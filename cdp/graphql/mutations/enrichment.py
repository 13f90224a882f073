"""Enrichment: what may be spent, and backfills over a filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from cdp.access.scopes import Scope
from cdp.enrichment import report, settings, subjects
from cdp.enrichment.estimate import Dry, Estimate
from cdp.enrichment.providers import sources_of
from cdp.enrichment.settings import Budget
from cdp.errors import BadInput
from cdp.graphql.accounts import ACCOUNTS
from cdp.graphql.backfills import BackfillType, EstimateType
from cdp.graphql.context import Info
from cdp.graphql.filters import AccountFilter, ProfileFilter
from cdp.graphql.matching import matching
from cdp.graphql.mutations.acts import record_act
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.profiles import PROFILES
from cdp.graphql.spending import SettingsType
from cdp.model import Subject
from cdp.model.ids import decode_id_of

ESTIMATED = 10_000
"""Subjects over which an estimate is computed; of more, the others are taken to be like them."""


@strawberry.input(description="What may be spent on enrichment in one currency.")
class EnrichmentBudgetInput:
    """A budget."""

    currency: str = strawberry.field(description="ISO 4217 code.")
    per_day: Decimal = strawberry.field(description="On all subjects, from midnight to midnight UTC.")
    per_subject: Decimal | None = strawberry.field(
        default=None,
        description="On one person or account in a calendar month (UTC); null: no limit but that of the day.",
    )


@strawberry.input(
    description="What enrichment is allowed. What is left out stays as it is; null takes the default again."
)
class EnrichmentSettingsUpdateInput:
    """Input of enrichmentSettingsUpdate."""

    confidence: float | None = strawberry.field(
        default=UNSET,
        description="A field that is known so surely is not asked for any more; above 0 and at most 1, by default 0.7.",
    )
    fields: list[str] | None = strawberry.field(
        default=UNSET, description="The fields that are wanted; null: whatever providers declare."
    )
    budgets: list[EnrichmentBudgetInput] | None = strawberry.field(
        default=UNSET,
        description="All budgets, one for each currency; no money is spent in one that is missing here.",
    )


@strawberry.type(description="What enrichmentSettingsUpdate did.")
class EnrichmentSettingsUpdatePayload:
    """Payload of enrichmentSettingsUpdate."""

    settings: SettingsType | None = strawberry.field(
        default=None, description="The settings as they are now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="Whom to enrich.")
class EnrichmentBackfillStartInput:
    """Input of enrichmentBackfillStart."""

    subject: Subject = strawberry.field(description="People or accounts.")
    people: ProfileFilter | None = strawberry.field(
        default=None, description="What must hold of the people; null: nothing."
    )
    accounts: AccountFilter | None = strawberry.field(
        default=None, description="What must hold of the accounts; null: nothing."
    )
    dry_run: bool = strawberry.field(
        default=False, description="Whether to say only what it would do, and what that may cost."
    )


@strawberry.type(description="What enrichmentBackfillStart did.")
class EnrichmentBackfillStartPayload:
    """Payload of enrichmentBackfillStart."""

    backfill: BackfillType | None = strawberry.field(
        default=None, description="The backfill; null where it was a dry run, or nothing was started."
    )
    estimate: EstimateType | None = strawberry.field(
        default=None, description="What it would do; null where it was no dry run."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was started; empty where it was."
    )


@strawberry.input(description="Which backfill goes no further.")
class EnrichmentBackfillCancelInput:
    """Input of enrichmentBackfillCancel."""

    id: ID = strawberry.field(description="Id of the backfill.")


@strawberry.type(description="What enrichmentBackfillCancel did.")
class EnrichmentBackfillCancelPayload:
    """Payload of enrichmentBackfillCancel."""

    backfill: BackfillType | None = strawberry.field(
        default=None, description="The backfill as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class EnrichmentMutations:
    """Mutations of enrichment."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Say what enrichment may spend, and when enough is known.",
        shown=("fields", "currency"),
    )
    async def enrichment_settings_update(
        self, info: Info, given: Given[EnrichmentSettingsUpdateInput]
    ) -> EnrichmentSettingsUpdatePayload:
        """Change settings."""
        context = info.context
        default = settings.EnrichmentSettings()
        async with context.services.database.transaction(context.workspace_id) as connection:
            current = await settings.read(connection, context.workspace_id)
            confidence, fields, budgets = current.confidence, current.fields, current.budgets
            if given.confidence is not UNSET:
                confidence = default.confidence if given.confidence is None else given.confidence
            if given.fields is not UNSET:
                fields = None if given.fields is None else tuple(given.fields)
            if given.budgets is not UNSET:
                budgets = tuple(
                    Budget(currency=one.currency, per_day=one.per_day, per_subject=one.per_subject)
                    for one in given.budgets or ()
                )
            changed = await settings.change(
                connection, context.workspace_id, confidence=confidence, fields=fields, budgets=budgets
            )
            await record_act(context, connection)
        return EnrichmentSettingsUpdatePayload(settings=SettingsType.of(changed))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Enrich all people or accounts that meet a filter, behind those that were just touched; or say what that would "
        "cost.",
    )
    async def enrichment_backfill_start(
        self, info: Info, given: Given[EnrichmentBackfillStartInput]
    ) -> EnrichmentBackfillStartPayload:
        """Start a backfill, or estimate it."""
        of_people = given.subject is Subject.PERSON
        other = "accounts" if of_people else "people"
        if getattr(given, other) is not None:
            raise BadInput(f"`{other}` is a filter for the other subject; leave it out.", field=(other,))
        if given.dry_run:
            info.context.act = None
            return EnrichmentBackfillStartPayload(
                estimate=EstimateType.of(await _estimate(info, given.subject))
            )
        context, workspace_id = info.context, info.context.workspace_id
        now = context.services.clock()
        async with context.services.database.transaction(workspace_id) as connection:
            backfill_id = await report.start_backfill(
                connection, workspace_id, given.subject, by=context.caller.name, now=now
            )
            async for page in _matching(info, given.subject):
                await report.add_subjects(connection, workspace_id, backfill_id, given.subject, page, now=now)
            (found,) = await report.backfills(connection, workspace_id, backfill_id)
            await record_act(context, connection)
        context.services.worker.wake(workspace_id, frozenset())
        return EnrichmentBackfillStartPayload(backfill=BackfillType.of(found))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Let a backfill go no further; what was found and paid stays.",
    )
    async def enrichment_backfill_cancel(
        self, info: Info, given: Given[EnrichmentBackfillCancelInput]
    ) -> EnrichmentBackfillCancelPayload:
        """Cancel a backfill."""
        context = info.context
        try:
            backfill_id = decode_id_of("EnrichmentBackfill", str(given.id))
        except BadInput as error:
            raise BadInput(error.message, field=("id",)) from None
        async with context.services.database.transaction(context.workspace_id) as connection:
            found = await report.cancel_backfill(
                connection, context.workspace_id, backfill_id, now=context.services.clock()
            )
            await record_act(context, connection)
        return EnrichmentBackfillCancelPayload(backfill=BackfillType.of(found))


def _matching(info: Info, subject: Subject) -> AsyncIterator[list[int]]:
    people = subject is Subject.PERSON
    return matching(info, PROFILES if people else ACCOUNTS, "people" if people else "accounts")


async def _estimate(info: Info, subject: Subject) -> Estimate:
    context, workspace_id = info.context, info.context.workspace_id
    sources = sources_of(context.services.plugins, await context.workspace(), subject)
    async with context.connection() as connection:
        dry = Dry(sources, await settings.read(connection, workspace_id))
    count = 0
    async for page in _matching(info, subject):
        if count < ESTIMATED:
            async with context.connection() as connection:
                cases = await subjects.load(
                    connection, workspace_id, subject, page, now=context.services.clock()
                )
            dry.add(cases.values())
        count += len(page)
    return dry.estimate(count)
