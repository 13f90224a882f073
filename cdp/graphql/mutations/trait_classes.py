"""Classes of traits: declare what they tell."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.graphql.trait_classes import ClassifiedTraitType
from cdp.model import WorkspaceId
from cdp.model.classes import ClassifiedTrait, TraitClass, TraitOf
from cdp.workspaces.trait_classes import classify, declassify


@strawberry.input(description="What a trait tells.")
class TraitClassSetInput:
    """Input of traitClassSet."""

    of: TraitOf = strawberry.field(description="Whose trait.")
    key: str = strawberry.field(description="Its key, in any spelling: `leadScore` is `lead_score`, too.")
    trait_class: TraitClass = strawberry.field(name="class", description="What it tells.")


@strawberry.type(description="What traitClassSet did.")
class TraitClassSetPayload:
    """Payload of traitClassSet."""

    trait: ClassifiedTraitType | None = strawberry.field(
        default=None, description="What the trait is taken for now; null where nothing was declared."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was declared; empty where it was."
    )


@strawberry.input(description="A trait of which nothing is to be declared.")
class TraitClassRemoveInput:
    """Input of traitClassRemove."""

    of: TraitOf = strawberry.field(description="Whose trait.")
    key: str = strawberry.field(description="Its key, in any spelling.")


@strawberry.type(description="What traitClassRemove did.")
class TraitClassRemovePayload:
    """Payload of traitClassRemove."""

    removed: TraitClass | None = strawberry.field(
        default=None, description="What was declared of it; null where nothing was removed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.type
class TraitClassMutations:
    """Mutations of classes."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Declare what a trait tells, and so who sees it, filters by it and sorts by it; it holds within a second.",
        shown=("key",),
    )
    async def trait_class_set(self, info: Info, given: Given[TraitClassSetInput]) -> TraitClassSetPayload:
        """Classify."""
        by = info.context.caller.name

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> ClassifiedTrait:
            return await classify(
                connection, workspace_id, given.of, given.key, given.trait_class, by=by, now=now
            )

        return TraitClassSetPayload(trait=ClassifiedTraitType.of_trait(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Forget what was declared of a trait: its name and its values tell again what it is.",
        shown=("key",),
    )
    async def trait_class_remove(
        self, info: Info, given: Given[TraitClassRemoveInput]
    ) -> TraitClassRemovePayload:
        """Forget a class."""

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> TraitClass:
            return await declassify(connection, workspace_id, given.of, given.key)

        return TraitClassRemovePayload(removed=await change(info.context, work))
