"""Keys and roles as administrators see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import ID

from cdp.access.key import Key, KeyState
from cdp.access.keys import read_keys
from cdp.access.roles import AccessRole, list_roles
from cdp.access.scopes import Scope
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.vocabulary import describe
from cdp.model.ids import encode_id

describe(
    KeyState,
    "Whether a key is good.",
    {
        "ACTIVE": "It is good, where and for what it may be used.",
        "EXPIRED": "Its time is over.",
        "REVOKED": "It was ended, for good.",
    },
    name="ApiKeyState",
)


@strawberry.type(name="ApiKey", description="A key, without what it would take to use it.")
class ApiKeyType:
    """A key."""

    id: ID = strawberry.field(description="Opaque id; it stays when the key is rotated.")
    name: str = strawberry.field(description="What it is for.")
    role: str = strawberry.field(
        description="What it may do: a preset, or a role that the workspace defines."
    )
    scopes: list[str] = strawberry.field(description="What its role grants at present.")
    publishable: bool = strawberry.field(
        description="Whether it may be seen by anybody: it writes events, and nothing else."
    )
    prefix: str = strawberry.field(description="Its first characters, to tell keys apart.")
    state: KeyState = strawberry.field(description="Whether it is good.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="From when on it is no good; null: never.")
    revoked_at: datetime | None = strawberry.field(description="When it was ended; null: it was not.")
    rotated_at: datetime | None = strawberry.field(description="When it was rotated last; null: never.")
    previous_prefix: str | None = strawberry.field(
        description="The first characters of what it was before it was rotated; null: it never was."
    )
    previous_until: datetime | None = strawberry.field(
        description="Until when what it was before is good as well; null: it was never rotated."
    )
    last_used_at: datetime | None = strawberry.field(
        description="When it was used last, at most a minute behind; null: never."
    )
    networks: list[str] = strawberry.field(
        description="Where it may be used from, in CIDR notation; empty: from anywhere."
    )
    origins: list[str] = strawberry.field(
        description="Web pages that it may be used from; empty: from any, and without one."
    )

    @classmethod
    def of(cls, key: Key, now: datetime) -> ApiKeyType:
        """As GraphQL shows it."""
        return cls(
            id=ID(encode_id("ApiKey", key.key_id)),
            name=key.name,
            role=key.role,
            scopes=sorted(key.scopes),
            publishable=key.publishable,
            prefix=key.prefix,
            state=key.state(now),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            rotated_at=key.rotated_at,
            previous_prefix=key.previous_prefix,
            previous_until=key.previous_until,
            last_used_at=key.last_used_at,
            networks=[str(one) for one in key.networks],
            origins=sorted(key.origins),
        )


@strawberry.type(name="AccessRole", description="What keys and tokens that have it may do.")
class AccessRoleType:
    """A role."""

    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="What it is for.")
    scopes: list[str] = strawberry.field(description="What it grants.")
    preset: bool = strawberry.field(
        description="Whether every workspace has it, and none can change it; otherwise it is the workspace's own."
    )
    keys: int | None = strawberry.field(
        description="How many keys have it that are not revoked; null for presets."
    )
    changed_at: datetime | None = strawberry.field(description="When it was changed last; null for presets.")

    @classmethod
    def of(cls, role: AccessRole) -> AccessRoleType:
        """As GraphQL shows it."""
        return cls(
            name=role.name,
            description=role.description,
            scopes=sorted(role.scopes),
            preset=role.preset,
            keys=None if role.preset else role.keys,
            changed_at=role.changed_at,
        )


@strawberry.type
class KeyQuery:
    """Fields of Query about keys and roles."""

    @strawberry.field(description="Keys, oldest first.", metadata=needs(Scope.WORKSPACE_ADMIN))
    async def keys(
        self,
        info: Info,
        ended: Annotated[
            bool, strawberry.argument(description="Those that have expired or were revoked as well.")
        ] = False,
    ) -> list[ApiKeyType] | None:
        """Those that are good, where nothing else is said."""
        context = info.context
        async with context.connection() as connection:
            found = await read_keys(connection, context.workspace_id)
        return [
            ApiKeyType.of(key, context.as_of)
            for key in found
            if ended or key.state(context.as_of) is KeyState.ACTIVE
        ]

    @strawberry.field(
        description="Roles that keys and tokens may have: the presets, then the workspace's own by name.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def access_roles(self, info: Info) -> list[AccessRoleType] | None:
        """All of them."""
        async with info.context.connection() as connection:
            return [AccessRoleType.of(one) for one in await list_roles(connection, info.context.workspace_id)]
