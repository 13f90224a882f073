"""Secrets of visitors' tokens as administrators see them."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scope
from cdp.access.visitors import VisitorSecret, list_secrets
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.model.ids import encode_id


@strawberry.type(
    name="VisitorSecret", description="A secret that visitors' tokens are signed with, without what signs."
)
class VisitorSecretType:
    """A secret."""

    id: ID = strawberry.field(description="Opaque id.")
    name: str = strawberry.field(description="What it is for.")
    kid: str = strawberry.field(description="What stands in the head of the tokens that are signed with it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    ends_at: datetime | None = strawberry.field(
        description="Until when tokens that are signed with it are taken, after a rotation; null: no end is set."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was ended; null: it was not.")

    @classmethod
    def of(cls, secret: VisitorSecret) -> VisitorSecretType:
        """As GraphQL shows it."""
        return cls(
            id=ID(encode_id("VisitorSecret", secret.secret_id)),
            name=secret.name,
            kid=secret.kid,
            created_at=secret.created_at,
            ends_at=secret.ends_at,
            revoked_at=secret.revoked_at,
        )


@strawberry.type
class VisitorSecretQuery:
    """The field of Query about secrets of visitors' tokens."""

    @strawberry.field(
        description="Secrets that visitors' tokens are signed with, those that ended too, oldest first.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def visitor_secrets(self, info: Info) -> list[VisitorSecretType] | None:
        """All of them."""
        context = info.context
        async with context.connection() as connection:
            return [VisitorSecretType.of(one) for one in await list_secrets(connection, context.workspace_id)]
