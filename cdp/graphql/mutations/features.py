"""Features: which capabilities the product has, so that adoption can be told."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.graphql.catalogue import Catalogue, FeatureType
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.model import Feature, WorkspaceId
from cdp.workspaces.change import define_feature, remove_feature


@strawberry.input(description="A feature of the product, to be made or changed.")
class FeatureDefineInput:
    """Input of featureDefine."""

    key: str = strawberry.field(description="How events name it.")
    name: str | None = strawberry.field(default=None, description="How people call it; its key if absent.")
    tip: str | None = strawberry.field(
        default=None, description="One sentence for somebody who has not used it yet."
    )


@strawberry.type(description="What featureDefine did.")
class FeatureDefinePayload:
    """Payload of featureDefine."""

    feature: FeatureType | None = strawberry.field(
        default=None, description="The feature as it is now; null where nothing was defined."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was defined; empty where it was."
    )


@strawberry.input(description="A feature that the product no longer has.")
class FeatureRemoveInput:
    """Input of featureRemove."""

    key: str = strawberry.field(description="How events name it.")


@strawberry.type(description="What featureRemove did.")
class FeatureRemovePayload:
    """Payload of featureRemove."""

    catalogue: Catalogue | None = strawberry.field(
        default=None, description="The catalogue without it; null where nothing was removed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.type
class FeatureMutations:
    """Mutations of features."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Add a feature to those that adoption is measured by, or give the one of that key another name and tip.",
        shown=("key", "name"),
    )
    async def feature_define(self, info: Info, given: Given[FeatureDefineInput]) -> FeatureDefinePayload:
        """Define a feature."""
        name = given.key if given.name is None else given.name
        wanted = Feature(key=given.key, name=name, tip=given.tip)

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> Feature:
            return await define_feature(connection, workspace_id, wanted)

        return FeatureDefinePayload(feature=FeatureType.of(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Take a feature out of those that adoption is measured by. What was used stays counted.",
        shown=("key",),
    )
    async def feature_remove(self, info: Info, given: Given[FeatureRemoveInput]) -> FeatureRemovePayload:
        """Remove a feature."""

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> None:
            await remove_feature(connection, workspace_id, given.key)

        await change(info.context, work)
        return FeatureRemovePayload(catalogue=Catalogue())
