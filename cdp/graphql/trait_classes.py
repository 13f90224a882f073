"""What traits tell, for administrators: what is declared, and what the others are taken for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from cdp.access.scopes import Scope
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.vocabulary import describe
from cdp.model.classes import ClassifiedTrait, TraitClass, TraitOf
from cdp.workspaces.trait_classes import taken_for

describe(
    TraitOf,
    "Whose traits.",
    {
        "PROFILE": "Of people, be they said of them or contributed by providers.",
        "ACCOUNT": "Of accounts, likewise.",
        "EVENT": "Properties of events that are no traits: those of track, page and screen calls.",
    },
)
describe(
    TraitClass,
    "What a trait tells, and so who sees it.",
    {
        "PERSONAL": "Who somebody is: for those with `pii:read`.",
        "INTENT": "Something of the buyer-intent panel: for those with `intent:read`.",
        "USAGE": "Something of the usage panel: for those with `usage:read`.",
        "OPEN": "Nothing of these: for everybody who sees whose trait it is.",
    },
)


@strawberry.type(name="ClassifiedTrait", description="What a trait is taken for.")
class ClassifiedTraitType:
    """A key with its class."""

    of: TraitOf = strawberry.field(description="Whose trait.")
    key: str = strawberry.field(
        description="Its key; however that is written: `leadScore`, `lead_score` and `Lead score` are one."
    )
    trait_class: TraitClass = strawberry.field(
        name="class",
        description="What it tells: as it is declared, else as its name says. What is not declared is personal as well "
        "where its value has an e-mail address in it, or attributes of a person.",
    )
    declared: bool = strawberry.field(description="Whether it is declared, or guessed.")
    changed_by: str | None = strawberry.field(description="Who declared it.")
    changed_at: datetime | None = strawberry.field(description="When.")

    @classmethod
    def of_trait(cls, one: ClassifiedTrait) -> ClassifiedTraitType:
        """As GraphQL shows it."""
        return cls(
            of=one.of,
            key=one.key,
            trait_class=one.trait_class,
            declared=one.changed_at is not None,
            changed_by=one.changed_by,
            changed_at=one.changed_at,
        )


@strawberry.type
class TraitClassQuery:
    """The classes' field of Query."""

    @strawberry.field(
        description="What traits tell, by key: all that are declared, and 1,000 of the others that came. For "
        "administrators.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def trait_classes(
        self,
        info: Info,
        of: Annotated[TraitOf, strawberry.argument(description="Whose traits.")] = TraitOf.PROFILE,
    ) -> list[ClassifiedTraitType] | None:
        """What traits of people, of accounts or of events are taken for."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        async with info.context.connection() as connection:
            found = await taken_for(connection, info.context.workspace_id, of)
        return [ClassifiedTraitType.of_trait(one) for one in found]
