"""The catalogue: what an event counts for. History is recounted afterwards, in the background."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.graphql.catalogue import CatalogueEntryType
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.graphql.scalars import JSON
from cdp.model import (
    CatalogueEntry,
    Condition,
    ConditionOperator,
    Contribution,
    Lens,
    Measure,
    PurchaseEffect,
    Stage,
    WorkspaceId,
)
from cdp.workspaces.change import remove_entry, set_entry


@strawberry.input(
    description="A test on one property of an event; a missing property fails every test but EXISTS."
)
class ConditionInput:
    """A condition, given."""

    property: str = strawberry.field(
        description="Dotted path into the event's properties, such as `plan.name`."
    )
    operator: ConditionOperator = strawberry.field(
        default=ConditionOperator.EQ, description="How the property is compared with the value."
    )
    value: JSON | None = strawberry.field(
        default=None, description="What it is compared with; a list for IN, a boolean for EXISTS."
    )

    def condition(self) -> Condition:
        """As the core knows it."""
        return Condition(property=self.property, operator=self.operator, value=self.value)


@strawberry.input(description="What one event adds to one panel.")
class ContributionInput:
    """A contribution, given."""

    lens: Lens = strawberry.field(description="The panel that it adds to.")
    weight: float = strawberry.field(
        default=1.0, description="Weight of the signal in the intent score; unused for usage."
    )
    stage: Stage | None = strawberry.field(
        default=None, description="Stage of the buying journey that it speaks for."
    )
    signal: str | None = strawberry.field(
        default=None,
        description="Kind of intent evidence, such as `pricing_viewed`; made from the event's name if absent.",
    )
    purchase: PurchaseEffect | None = strawberry.field(
        default=None, description="What it does to the purchases, if anything."
    )
    feature: str | None = strawberry.field(default=None, description="Key of the feature that was used.")
    key_property: str | None = strawberry.field(
        default=None,
        description="Property whose value names the feature or the onboarding step, where `feature` does not.",
    )
    measures: list[Measure] = strawberry.field(
        default_factory=list, description="What it counts besides being usage."
    )
    influence: float = strawberry.field(
        default=0.0, description="Weight towards the influence of the membership."
    )

    def contribution(self) -> Contribution:
        """As the core knows it."""
        return Contribution(
            lens=self.lens,
            weight=self.weight,
            stage=self.stage,
            signal=self.signal,
            purchase=self.purchase,
            feature=self.feature,
            key_property=self.key_property,
            measures=tuple(self.measures),
            influence=self.influence,
        )


@strawberry.input(
    description="An entry of the catalogue; it takes the place of one with the same event and conditions."
)
class CatalogueEntrySetInput:
    """Input of catalogueEntrySet."""

    event: str = strawberry.field(description="Name of the event, as the tracking client sends it.")
    conditions: list[ConditionInput] = strawberry.field(
        default_factory=list, description="Tests that the event must pass; none: every event of the name."
    )
    contributions: list[ContributionInput] = strawberry.field(
        description="What it adds; empty: it is known, and counts for neither panel."
    )


@strawberry.type(description="What catalogueEntrySet did.")
class CatalogueEntrySetPayload:
    """Payload of catalogueEntrySet."""

    entry: CatalogueEntryType | None = strawberry.field(
        default=None, description="The entry as it is now; null where nothing was set."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was set; empty where it was."
    )


@strawberry.input(description="The entry of the catalogue to remove, a default too.")
class CatalogueEntryRemoveInput:
    """Input of catalogueEntryRemove."""

    event: str = strawberry.field(description="Name of the event.")
    conditions: list[ConditionInput] = strawberry.field(
        default_factory=list, description="The entry's conditions, exactly."
    )


@strawberry.type(description="What catalogueEntryRemove did.")
class CatalogueEntryRemovePayload:
    """Payload of catalogueEntryRemove."""

    entry: CatalogueEntryType | None = strawberry.field(
        default=None,
        description="What holds in its place: the default that it had replaced, or, of a default, an entry that counts "
        "for neither panel; null: nothing names the event any more.",
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.type
class CatalogueMutations:
    """Mutations of the catalogue."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Say what events of a name count for. It holds at once for new events, and soon for those that are stored.",
        shown=("event", "property", "value", "signal", "feature", "key_property"),
    )
    async def catalogue_entry_set(
        self, info: Info, given: Given[CatalogueEntrySetInput]
    ) -> CatalogueEntrySetPayload:
        """Add or replace an entry."""
        entry = CatalogueEntry(
            event=given.event,
            conditions=tuple(condition.condition() for condition in given.conditions),
            contributions=tuple(contribution.contribution() for contribution in given.contributions),
        )

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> CatalogueEntry:
            return await set_entry(connection, workspace_id, entry, now=now)

        return CatalogueEntrySetPayload(entry=CatalogueEntryType.of(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Take an entry away: the workspace's own, so that the default holds again, or a default, so that its events "
        "count for neither panel.",
        shown=("event", "property", "value", "signal", "feature", "key_property"),
    )
    async def catalogue_entry_remove(
        self, info: Info, given: Given[CatalogueEntryRemoveInput]
    ) -> CatalogueEntryRemovePayload:
        """Remove an entry."""
        conditions = [condition.condition() for condition in given.conditions]

        async def work(
            connection: Connection, workspace_id: WorkspaceId, now: datetime
        ) -> CatalogueEntry | None:
            return await remove_entry(connection, workspace_id, given.event, conditions, now=now)

        entry = await change(info.context, work)
        return CatalogueEntryRemovePayload(entry=CatalogueEntryType.of(entry) if entry else None)
