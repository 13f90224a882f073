"""Keys: made, listed, rotated, changed, revoked. A key is shown once; the database holds only its hash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from cdp.access.key import Key, KeyChange, KeyState, MadeKey, to_key
from cdp.access.places import read_networks, read_origins
from cdp.access.principals import Principal, operator
from cdp.access.roles import check_granted, scopes_of_role
from cdp.access.scopes import KeyRole
from cdp.access.tokens_of_keys import SHOWN, hash_token, make_token
from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, NotFound
from cdp.model import WorkspaceId

queries = load_queries("cdp.access", "store.sql")

LONGEST_OVERLAP = timedelta(days=30)
"""For how long a key may stay good after it was rotated."""
_LONGEST_NAME = 200


async def make_key(
    connection: Connection,
    granter: Principal,
    *,
    name: str,
    role: str,
    now: datetime,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    origins: Sequence[str] = (),
) -> MadeKey:
    """Make a key.

    Keys of role INGEST are publishable (`cdp_pub_…`), all others secret (`cdp_sec_…`).

    Args:
        connection: in a transaction of the granter's workspace.
        granter: who makes it; it may hand out no more than it has.
        name: what it is for.
        role: a preset, in any case, or a role of the workspace's own.
        now: the time.
        expires_at: from when on it is no good; None: never.
        networks: where it may be used from, as CIDR or single addresses; empty: from anywhere.
        origins: web pages that it may be used from, for publishable keys; empty: from anywhere.

    Raises:
        BadInput: one of them cannot be used.
        Forbidden: the granter lacks a scope of the role.
    """
    role, scopes = await scopes_of_role(connection, granter.workspace_id, role)
    check_granted(granter, scopes)
    publishable = role == KeyRole.INGEST
    token = make_token(publishable=publishable)
    key = Key(
        key_id=0,
        name=_checked_name(name),
        role=role,
        scopes=scopes,
        publishable=publishable,
        prefix=token[:SHOWN],
        created_at=now,
        expires_at=_checked_expiry(expires_at, now),
        networks=read_networks(networks),
        origins=_checked_origins(origins, publishable=publishable),
    )
    key_id = await connection.fetchval(
        queries.insert_key,
        granter.workspace_id,
        key.name,
        key.role,
        key.publishable,
        key.prefix,
        hash_token(token),
        key.expires_at,
        key.networks,
        sorted(key.origins),
        now,
    )
    return MadeKey(key=msgspec.structs.replace(key, key_id=key_id), token=token)


async def rotate_key(
    connection: Connection, granter: Principal, key_id: int, *, overlap: timedelta, now: datetime
) -> MadeKey:
    """Give a key another token. The one before stays good for the overlap; one from before that ends at once.

    Raises:
        NotFound: the workspace has no such key.
        Conflict: it has ended.
        BadInput: the overlap is negative or longer than 30 days.
        Forbidden: the granter lacks a scope of the key, and would get it with the token.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadInput("A key may stay good for 0 to 30 days after it is rotated.", field=("overlap",))
    key = await get_key(connection, granter.workspace_id, key_id, held=True)
    _check_alive(key, now)
    check_granted(granter, key.scopes)
    token = make_token(publishable=key.publishable)
    rotated = msgspec.structs.replace(
        key, prefix=token[:SHOWN], previous_prefix=key.prefix, previous_until=now + overlap, rotated_at=now
    )
    await connection.execute(
        queries.rotate_key,
        granter.workspace_id,
        key_id,
        hash_token(token),
        rotated.prefix,
        rotated.previous_until,
        now,
    )
    return MadeKey(key=rotated, token=token)


async def update_key(
    connection: Connection, granter: Principal, key_id: int, change: KeyChange, *, now: datetime
) -> Key:
    """Change what a key is called, what it may do, or when and where it may be used.

    Raises:
        NotFound: the workspace has no such key.
        Conflict: it was revoked.
        BadInput: something cannot be used, or a publishable key would become a secret one, or the other way round.
        Forbidden: the granter lacks a scope of the key, or of the role that it is to have.
    """
    key = await get_key(connection, granter.workspace_id, key_id, held=True)
    if key.revoked_at is not None:
        raise Conflict("This key was revoked.")
    check_granted(granter, key.scopes)
    changed: dict[str, Any] = {}
    if change.name is not UNSET:
        changed["name"] = _checked_name(change.name)
    if change.role is not UNSET:
        role, scopes = await scopes_of_role(connection, granter.workspace_id, change.role)
        check_granted(granter, scopes)
        if (role == KeyRole.INGEST) != key.publishable:
            raise BadInput("Publishable keys have the role INGEST, and no others have.", field=("role",))
        changed |= {"role": role, "scopes": scopes}
    if change.expires_at is not UNSET:
        changed["expires_at"] = _checked_expiry(change.expires_at, now)
    if change.networks is not UNSET:
        changed["networks"] = read_networks(change.networks)
    if change.origins is not UNSET:
        changed["origins"] = _checked_origins(change.origins, publishable=key.publishable)
    updated = msgspec.structs.replace(key, **changed)
    await connection.execute(
        queries.update_key,
        granter.workspace_id,
        key_id,
        updated.name,
        updated.role,
        updated.expires_at,
        updated.networks,
        sorted(updated.origins),
    )
    return updated


async def end_key(connection: Connection, workspace_id: WorkspaceId, key_id: int, *, now: datetime) -> None:
    """Revoke a key; within a second no process accepts it any more. Revoking it again changes nothing.

    Raises:
        NotFound: the workspace has no such key.
    """
    if await connection.fetchval(queries.revoke_key, workspace_id, key_id, now) is None:
        raise _no_such_key(key_id)


async def get_key(
    connection: Connection, workspace_id: WorkspaceId, key_id: int, *, held: bool = False
) -> Key:
    """A key; `held`: until the transaction ends nobody else changes it.

    Raises:
        NotFound: the workspace has no such key.
    """
    query = queries.key_for_update if held else queries.key
    row = await connection.fetchrow(query, workspace_id, key_id)
    if row is None:
        raise _no_such_key(key_id)
    return to_key(row)


async def read_keys(connection: Connection, workspace_id: WorkspaceId) -> list[Key]:
    """All keys of the workspace, ended ones too, oldest first."""
    return [to_key(row) for row in await connection.fetch(queries.list_keys, workspace_id)]


async def create_key(
    database: Database,
    workspace_id: WorkspaceId,
    role: str,
    name: str,
    *,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> str:
    """Make a key for whoever operates the server, and return it, the only time that it can be read.

    Raises:
        BadInput: the role is unknown, or the name is empty, too long, or holds control characters.
    """
    async with database.transaction(workspace_id) as connection:
        made = await make_key(
            connection,
            operator(workspace_id),
            name=name,
            role=role,
            now=now or datetime.now(UTC),
            expires_at=expires_at,
        )
    return made.token


async def revoke_key(database: Database, workspace_id: WorkspaceId, key_id: int, *, now: datetime) -> None:
    """End a key, as `end_key` does.

    Raises:
        NotFound: the workspace has no such key.
    """
    async with database.connection(workspace_id) as connection:
        await end_key(connection, workspace_id, key_id, now=now)


async def list_keys(database: Database, workspace_id: WorkspaceId) -> list[Key]:
    """All keys of the workspace, ended ones too, oldest first."""
    async with database.connection(workspace_id) as connection:
        return await read_keys(connection, workspace_id)


def _check_alive(key: Key, now: datetime) -> None:
    match key.state(now):
        case KeyState.REVOKED:
            raise Conflict("This key was revoked; make another one.")
        case KeyState.EXPIRED:
            raise Conflict("This key has expired; make another one, or give it more time first.")
        case KeyState.ACTIVE:
            pass


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"Name the key with 1 to {_LONGEST_NAME} printable characters.", field=("name",))
    return name


def _checked_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise BadInput("A key cannot expire before it is made or changed.", field=("expires_at",))
    return expires_at


def _checked_origins(origins: Sequence[str], *, publishable: bool) -> frozenset[str]:
    if origins and not publishable:
        raise BadInput(
            "A secret key has no business in a web page; only publishable ones name origins.",
            field=("origins",),
        )
    return read_origins(origins)


def _no_such_key(key_id: int) -> NotFound:
    return NotFound(f"There is no key {key_id} in this workspace.")
