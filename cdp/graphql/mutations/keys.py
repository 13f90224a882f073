"""Keys: made, rotated, changed, revoked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from cdp import audit
from cdp.access.key import Key, KeyChange, MadeKey
from cdp.access.keys import end_key, get_key, make_key, rotate_key, update_key
from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.errors import BadInput, NotFound
from cdp.graphql.context import Context, Info
from cdp.graphql.keys import ApiKeyType
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.model import WorkspaceId
from cdp.model.ids import decode_id_of, encode_id

_OVERLAP = timedelta(days=1)

_TOKEN = "What authenticates. It is shown this once: only its hash is kept."  # noqa: S105 - a description
_ID = "Id of the key."
_NETWORKS = "Where it may be used from, as CIDR (`203.0.113.0/24`) or single addresses; empty: from anywhere."
_ORIGINS = (
    "Web pages that it may be used from (`https://shop.example.com`), for publishable keys; empty: from anywhere. "
    "What sends no origin, such as an app, is refused then."
)


@strawberry.input(description="A key to be made.")
class KeyCreateInput:
    """Input of keyCreate."""

    name: str = strawberry.field(description="What it is for.")
    role: str = strawberry.field(
        description="What it may do: a preset, or a role of the workspace's own. Keys of role INGEST are publishable."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="From when on it is no good; null: never."
    )
    networks: list[str] = strawberry.field(default_factory=list, description=_NETWORKS)
    origins: list[str] = strawberry.field(default_factory=list, description=_ORIGINS)


@strawberry.type(description="What keyCreate did.")
class KeyCreatePayload:
    """Payload of keyCreate."""

    key: ApiKeyType | None = strawberry.field(default=None, description="The key; null where none was made.")
    token: str | None = strawberry.field(default=None, description=_TOKEN)
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why none was made; empty where one was."
    )


@strawberry.input(description="A key that is to be another one under the same name.")
class KeyRotateInput:
    """Input of keyRotate."""

    id: ID = strawberry.field(description=_ID)
    overlap: timedelta = strawberry.field(
        default=_OVERLAP,
        description="For how long what it was before stays good as well, 30 days at most; zero: not at all. "
        "What it was before that ends at once.",
    )


@strawberry.type(description="What keyRotate did.")
class KeyRotatePayload:
    """Payload of keyRotate."""

    key: ApiKeyType | None = strawberry.field(
        default=None, description="The key as it is now; null where nothing was changed."
    )
    token: str | None = strawberry.field(default=None, description=_TOKEN)
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="Changes of a key; what is left out stays.")
class KeyUpdateInput:
    """Input of keyUpdate."""

    id: ID = strawberry.field(description=_ID)
    name: str | None = strawberry.field(default=UNSET, description="What it is for.")
    role: str | None = strawberry.field(
        default=UNSET, description="What it may do. A publishable key stays one, and a secret one as well."
    )
    expires_at: datetime | None = strawberry.field(
        default=UNSET, description="From when on it is no good; null: never."
    )
    networks: list[str] | None = strawberry.field(default=UNSET, description=_NETWORKS)
    origins: list[str] | None = strawberry.field(default=UNSET, description=_ORIGINS)

    def changes(self) -> KeyChange:
        """What is to change; null is as if left out, but for the expiry."""
        given = {
            name: value
            for name, value in vars(self).items()
            if name != "id" and value is not UNSET and (value is not None or name == "expires_at")
        }
        return KeyChange(**given)


@strawberry.type(description="What keyUpdate did.")
class KeyUpdatePayload:
    """Payload of keyUpdate."""

    key: ApiKeyType | None = strawberry.field(
        default=None, description="The key as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="A key to be ended, for good.")
class KeyRevokeInput:
    """Input of keyRevoke."""

    id: ID = strawberry.field(description=_ID)


@strawberry.type(description="What keyRevoke did.")
class KeyRevokePayload:
    """Payload of keyRevoke."""

    key: ApiKeyType | None = strawberry.field(
        default=None, description="The key as it is now; null where there is none."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was ended; empty where it was."
    )


@strawberry.type
class KeyMutations:
    """Mutations of keys."""

    @mutation(
        Scope.WORKSPACE_ADMIN, "Make a key. Nobody hands out what they have not got: its role grants no more."
    )
    async def key_create(self, info: Info, given: Given[KeyCreateInput]) -> KeyCreatePayload:
        """Make a key."""

        async def work(connection: Connection, now: datetime) -> MadeKey:
            return await make_key(
                connection,
                info.context.caller,
                name=given.name,
                role=given.role,
                now=now,
                expires_at=given.expires_at,
                networks=given.networks,
                origins=given.origins,
            )

        made = await _change(info.context, "keyCreate", work, lambda made: made.key)
        return KeyCreatePayload(key=ApiKeyType.of(made.key, info.context.as_of), token=made.token)

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Give a key another token. What it was before stays good for a while, so that nothing stands still meanwhile.",
    )
    async def key_rotate(self, info: Info, given: Given[KeyRotateInput]) -> KeyRotatePayload:
        """Rotate a key."""
        number = _number(given.id)

        async def work(connection: Connection, now: datetime) -> MadeKey:
            return await rotate_key(connection, info.context.caller, number, overlap=given.overlap, now=now)

        made = await _change(info.context, "keyRotate", work, lambda made: made.key)
        return KeyRotatePayload(key=ApiKeyType.of(made.key, info.context.as_of), token=made.token)

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Change what a key is called, what it may do, or when and where it may be used. It holds within a second.",
    )
    async def key_update(self, info: Info, given: Given[KeyUpdateInput]) -> KeyUpdatePayload:
        """Change a key."""
        number = _number(given.id)

        async def work(connection: Connection, now: datetime) -> Key:
            return await update_key(connection, info.context.caller, number, given.changes(), now=now)

        key = await _change(info.context, "keyUpdate", work, lambda key: key)
        return KeyUpdatePayload(key=ApiKeyType.of(key, info.context.as_of))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "End a key; within a second nobody can use it any more. To end it again changes nothing.",
    )
    async def key_revoke(self, info: Info, given: Given[KeyRevokeInput]) -> KeyRevokePayload:
        """Revoke a key."""
        number = _number(given.id)

        async def work(connection: Connection, now: datetime) -> Key:
            key = await get_key(connection, info.context.workspace_id, number, held=True)
            await end_key(connection, info.context.workspace_id, number, now=now)
            return msgspec.structs.replace(key, revoked_at=key.revoked_at or now)

        key = await _change(info.context, "keyRevoke", work, lambda key: key)
        return KeyRevokePayload(key=ApiKeyType.of(key, info.context.as_of))


async def _change(
    context: Context,
    act: str,
    work: Callable[[Connection, datetime], Awaitable[Any]],
    key_of: Callable[[Any], Key],
) -> Any:
    """Do the work and add it to the audit log, in one transaction."""

    async def run(connection: Connection, _workspace_id: WorkspaceId, now: datetime) -> Any:
        result = await work(connection, now)
        key = key_of(result)
        await audit.record(connection, context.caller, act, encode_id("ApiKey", key.key_id), key.told())
        return result

    return await change(context, run)


def _number(id_: ID) -> int:
    try:
        return decode_id_of("ApiKey", str(id_))
    except BadInput:
        raise NotFound("There is no key of this id in this workspace.", field=("id",)) from None
