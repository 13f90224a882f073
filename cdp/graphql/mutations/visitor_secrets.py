"""Secrets of visitors' tokens: made, rotated, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scope
from cdp.access.visitors import NewSecret, create_secret, list_secrets, revoke_secret, rotate_secret
from cdp.access.visitors.secrets import USUAL_OVERLAP
from cdp.db.pool import Connection
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.graphql.objects import number_of
from cdp.graphql.visitor_secrets import VisitorSecretType
from cdp.model import WorkspaceId

_KEY = "What signs: the key of HMAC-SHA256, as it is written. It is shown this once."


@strawberry.input(description="A secret to be made.")
class VisitorSecretCreateInput:
    """Input of visitorSecretCreate."""

    name: str = strawberry.field(description="What it is for, such as the server that signs with it.")


@strawberry.type(description="What visitorSecretCreate did.")
class VisitorSecretCreatePayload:
    """Payload of visitorSecretCreate."""

    secret: VisitorSecretType | None = strawberry.field(
        default=None, description="The secret; null where none was made."
    )
    key: str | None = strawberry.field(default=None, description=_KEY)
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why none was made; empty where one was."
    )


@strawberry.input(description="A secret that another takes the place of.")
class VisitorSecretRotateInput:
    """Input of visitorSecretRotate."""

    id: ID = strawberry.field(description="Id of the secret.")
    overlap: timedelta = strawberry.field(
        default=USUAL_OVERLAP,
        description="For how long tokens of the old one are taken as well, 30 days at most.",
    )


@strawberry.type(description="What visitorSecretRotate did.")
class VisitorSecretRotatePayload:
    """Payload of visitorSecretRotate."""

    secret: VisitorSecretType | None = strawberry.field(
        default=None, description="The new secret; null where nothing was changed."
    )
    key: str | None = strawberry.field(default=None, description=_KEY)
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="A secret to be ended, for good.")
class VisitorSecretRevokeInput:
    """Input of visitorSecretRevoke."""

    id: ID = strawberry.field(description="Id of the secret.")


@strawberry.type(description="What visitorSecretRevoke did.")
class VisitorSecretRevokePayload:
    """Payload of visitorSecretRevoke."""

    secret: VisitorSecretType | None = strawberry.field(
        default=None, description="The secret as it is now; null where there is none."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was ended; empty where it was."
    )


@strawberry.type
class VisitorSecretMutations:
    """Mutations of secrets of visitors' tokens."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Make a secret that your server signs visitors' tokens with.",
        shown=("name",),
    )
    async def visitor_secret_create(
        self, info: Info, given: Given[VisitorSecretCreateInput]
    ) -> VisitorSecretCreatePayload:
        """Make a secret."""
        sealing = info.context.services.intake.seals

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> NewSecret:
            return await create_secret(connection, workspace_id, given.name, now=now, sealing=sealing)

        made = await change(info.context, work)
        return VisitorSecretCreatePayload(secret=await _shown(info, made.secret_id), key=made.secret)

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Make a secret in the place of another, whose tokens are taken for a while, so that nothing stands still.",
    )
    async def visitor_secret_rotate(
        self, info: Info, given: Given[VisitorSecretRotateInput]
    ) -> VisitorSecretRotatePayload:
        """Rotate a secret."""
        sealing = info.context.services.intake.seals
        number = number_of("VisitorSecret", given.id, "id")

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> NewSecret:
            return await rotate_secret(
                connection, workspace_id, number, now=now, sealing=sealing, overlap=given.overlap
            )

        made = await change(info.context, work)
        return VisitorSecretRotatePayload(secret=await _shown(info, made.secret_id), key=made.secret)

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "End a secret; within a second no token that is signed with it is taken. To end it again changes nothing.",
    )
    async def visitor_secret_revoke(
        self, info: Info, given: Given[VisitorSecretRevokeInput]
    ) -> VisitorSecretRevokePayload:
        """Revoke a secret."""
        number = number_of("VisitorSecret", given.id, "id")

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> None:
            await revoke_secret(connection, workspace_id, number, now=now)

        await change(info.context, work)
        return VisitorSecretRevokePayload(secret=await _shown(info, number))


async def _shown(info: Info, number: int) -> VisitorSecretType:
    context = info.context
    async with context.connection() as connection:
        (found,) = (
            one for one in await list_secrets(connection, context.workspace_id) if one.secret_id == number
        )
    return VisitorSecretType.of(found)
