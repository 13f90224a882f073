"""The catalogue as GraphQL shows it: what counts for which panel, what is not known yet, what is being recounted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from cdp.access.scopes import Scope
from cdp.db.queries import load_queries
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.scalars import JSON
from cdp.lenses.unclassified import unclassified
from cdp.model import (
    CatalogueEntry,
    Condition,
    ConditionOperator,
    Contribution,
    Feature,
    Lens,
    Measure,
    PurchaseEffect,
    Stage,
)

_SQL = load_queries("cdp.graphql")


@strawberry.type(
    name="Condition", description="A test on one property of an event; a missing property fails it."
)
class ConditionType:
    """A condition of a catalogue entry."""

    property: str = strawberry.field(
        description="Dotted path into the event's properties, such as `plan.name`."
    )
    operator: ConditionOperator = strawberry.field(description="How the property is compared with the value.")
    value: JSON | None = strawberry.field(
        description="What it is compared with; a list for IN, a boolean for EXISTS."
    )

    @classmethod
    def of(cls, condition: Condition) -> ConditionType:
        """As GraphQL shows it."""
        return cls(property=condition.property, operator=condition.operator, value=condition.value)


@strawberry.type(name="Contribution", description="What one event adds to one panel.")
class ContributionType:
    """A contribution of a catalogue entry."""

    lens: Lens = strawberry.field(description="The panel that it adds to.")
    weight: float = strawberry.field(
        description="Weight of the signal in the intent score; unused for usage."
    )
    stage: Stage | None = strawberry.field(description="Stage of the buying journey that it speaks for.")
    signal: str | None = strawberry.field(description="Kind of intent evidence, such as `pricing_viewed`.")
    purchase: PurchaseEffect | None = strawberry.field(
        description="What it does to the purchases, if anything."
    )
    feature: str | None = strawberry.field(description="Key of the feature that was used.")
    key_property: str | None = strawberry.field(
        description="Property whose value names the feature or the onboarding step, where `feature` does not."
    )
    measures: list[Measure] = strawberry.field(description="What it counts besides being usage.")
    influence: float = strawberry.field(description="Weight towards the influence of the membership.")

    @classmethod
    def of(cls, contribution: Contribution) -> ContributionType:
        """As GraphQL shows it."""
        return cls(
            lens=contribution.lens,
            weight=contribution.weight,
            stage=contribution.stage,
            signal=contribution.signal,
            purchase=contribution.purchase,
            feature=contribution.feature,
            key_property=contribution.key_property,
            measures=list(contribution.measures),
            influence=contribution.influence,
        )


@strawberry.type(
    name="CatalogueEntry", description="What events of one name contribute, if they meet every condition."
)
class CatalogueEntryType:
    """An entry of the catalogue."""

    event: str = strawberry.field(description="Name of the event, as the tracking client sends it.")
    conditions: list[ConditionType] = strawberry.field(
        description="Tests that the event must pass; of several entries that fit, the one with most conditions counts."
    )
    contributions: list[ContributionType] = strawberry.field(
        description="What it adds; empty: it is known, and counts for neither panel."
    )
    is_default: bool = strawberry.field(
        description="Whether the entry comes with Diptych, rather than from this workspace or a plugin."
    )
    plugin: str | None = strawberry.field(
        description="The plugin that it comes from; null: it comes with Diptych, or from this workspace."
    )
    description: str | None = strawberry.field(
        description="What such events are, in a sentence, where the plugin says so."
    )

    @classmethod
    def of(cls, entry: CatalogueEntry) -> CatalogueEntryType:
        """As GraphQL shows it."""
        return cls(
            event=entry.event,
            conditions=[ConditionType.of(condition) for condition in entry.conditions],
            contributions=[ContributionType.of(contribution) for contribution in entry.contributions],
            is_default=entry.entry_id is None and entry.plugin is None,
            plugin=entry.plugin,
            description=entry.description,
        )


@strawberry.type(name="Feature", description="One capability of the product whose use is tracked.")
class FeatureType:
    """A feature of the workspace."""

    key: str = strawberry.field(description="How events name it.")
    name: str = strawberry.field(description="How people call it.")
    tip: str | None = strawberry.field(description="One sentence for somebody who has not used it yet.")

    @classmethod
    def of(cls, feature: Feature) -> FeatureType:
        """As GraphQL shows it."""
        return cls(key=feature.key, name=feature.name, tip=feature.tip)


@strawberry.type(description="A name of stored events that feeds neither panel, because no entry knows it.")
class UnclassifiedEvent:
    """An event name that the catalogue might learn."""

    name: str = strawberry.field(description="Name of the events.")
    count: int = strawberry.field(description="How many are stored.")
    first_at: datetime = strawberry.field(description="When the first of them occurred.")
    last_at: datetime = strawberry.field(description="When the last of them occurred.")


@strawberry.type(
    description="A change of the catalogue or of the settings that history is being recounted for."
)
class Reclassification:
    """One pass over stored history, done in the background."""

    events: list[str] | None = strawberry.field(
        description="Names of the events concerned; null: all of them."
    )
    noted_at: datetime = strawberry.field(description="When the change was made.")
    progress: float = strawberry.field(description="Share of the history that is done, 0 to 1.")


@strawberry.type(description="From the name of an event to what it contributes to the two panels.")
class Catalogue:
    """The workspace's catalogue."""

    @strawberry.field(
        description="All entries: the defaults, those of plugins and the workspace's own, by name of the event."
    )
    async def entries(
        self,
        info: Info,
        event: Annotated[
            str | None, strawberry.argument(description="Only the entries of this event.")
        ] = None,
    ) -> list[CatalogueEntryType]:
        """The defaults, what plugins add and what the workspace changed, merged."""
        workspace = await info.context.workspace()
        entries = sorted(workspace.entries, key=lambda entry: (entry.event, len(entry.conditions)))
        return [CatalogueEntryType.of(entry) for entry in entries if event is None or entry.event == event]

    @strawberry.field(description="The features whose use is tracked, by key.")
    async def features(self, info: Info) -> list[FeatureType]:
        """The workspace's features."""
        workspace = await info.context.workspace()
        return [FeatureType.of(feature) for feature in sorted(workspace.features, key=lambda f: f.key)]

    @strawberry.field(description="Names of stored events that no entry names, most frequent first.")
    async def unclassified(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many names, at most 200.")] = 20,
    ) -> list[UnclassifiedEvent]:
        """Names that the catalogue might learn; their history counts as soon as it does."""
        async with info.context.connection() as connection:
            found = await unclassified(connection, await info.context.workspace(), first=min(first, 200))
        return [
            UnclassifiedEvent(name=one.name, count=one.count, first_at=one.first_at, last_at=one.last_at)
            for one in found
        ]

    @strawberry.field(
        description="Changes that stored history is being recounted for; empty: all is counted."
    )
    async def reclassifications(self, info: Info) -> list[Reclassification]:
        """Unfinished passes over history, oldest first."""
        async with info.context.connection() as connection:
            rows = await connection.fetch(_SQL.reclassification_progress, info.context.workspace_id)
        return [
            Reclassification(
                events=row["events"],
                noted_at=row["noted_at"],
                progress=1 - row["nodes_left"] / row["nodes"] if row["nodes"] else 1.0,
            )
            for row in rows
        ]


@strawberry.type
class CatalogueQuery:
    """The catalogue's field of Query."""

    @strawberry.field(
        description="The workspace's catalogue.",
        metadata=needs(Scope.PROFILES_READ),
    )
    def catalogue(self) -> Catalogue | None:
        """Anyone who may read profiles may see what counts."""
        return Catalogue()
