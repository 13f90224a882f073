"""Keys: made, listed, revoked. A key is shown once; the database holds only its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from datetime import datetime

from msgspec import Struct

from cdp.access.principals import Principal, PrincipalKind
from cdp.access.scopes import NO_SCOPES, KeyRole, parse_role, preset_scopes
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, NotFound
from cdp.model import WorkspaceId

queries = load_queries("cdp.access", "store.sql")

_ALPHABET = string.digits + string.ascii_letters
_RANDOM_BYTES = 32
_RANDOM_LENGTH = 43
"""Digits of base 62 that hold 32 bytes."""
_SHAPE = re.compile(r"cdp_(?:pub|sec)_[0-9A-Za-z]{43}")
_SHOWN = len("cdp_sec_") + 4
_LONGEST_NAME = 200


class Key(Struct, frozen=True, kw_only=True):
    """A key as it may be listed: without what it would take to use it."""

    key_id: int
    name: str
    role: KeyRole
    publishable: bool
    prefix: str
    """Its first characters, to tell keys apart."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def create_key(
    database: Database, workspace_id: WorkspaceId, role: str, name: str, *, expires_at: datetime | None = None
) -> str:
    """Make a key and return it, the only time that it can be read.

    Keys of role INGEST are publishable (`cdp_pub_…`), all others secret (`cdp_sec_…`).

    Raises:
        BadInput: the role is unknown, or the name is empty, too long, or holds control characters.
    """
    key_role = parse_role(role)
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"Name the key with 1 to {_LONGEST_NAME} printable characters.", field=("name",))
    token = make_token(publishable=key_role.publishable)
    async with database.connection(workspace_id) as connection:
        await connection.fetchval(
            queries.insert_key,
            workspace_id,
            name,
            key_role.value,
            key_role.publishable,
            token[:_SHOWN],
            hash_token(token),
            expires_at,
        )
    return token


async def revoke_key(database: Database, workspace_id: WorkspaceId, key_id: int, *, now: datetime) -> None:
    """End a key; within a second no process accepts it any more. Revoking it again changes nothing.

    Raises:
        NotFound: the workspace has no such key.
    """
    async with database.connection(workspace_id) as connection:
        if await connection.fetchval(queries.revoke_key, workspace_id, key_id, now) is None:
            raise NotFound(f"There is no key {key_id} in this workspace.")


async def list_keys(database: Database, workspace_id: WorkspaceId) -> list[Key]:
    """All keys of the workspace, ended ones too, oldest first."""
    async with database.connection(workspace_id) as connection:
        rows = await connection.fetch(queries.list_keys, workspace_id)
    return [Key(**{**row, "role": KeyRole(row["role"])}) for row in rows]


def make_token(*, publishable: bool) -> str:
    """A new key: 32 random bytes in base 62, so that a double click selects all of it."""
    number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES))
    digits = []
    for _ in range(_RANDOM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"cdp_{'pub' if publishable else 'sec'}_{''.join(digits)}"


def looks_like_key(token: str) -> bool:
    """Whether this could be a key of ours at all."""
    return _SHAPE.fullmatch(token) is not None


def hash_token(token: str) -> bytes:
    """What is stored and looked up. A key has 256 random bits: no salt and no slow hash would add anything."""
    return hashlib.sha256(token.encode()).digest()


def to_principal(
    workspace_id: int,
    key_id: int,
    name: str,
    role: str,
    *,
    publishable: bool,
) -> Principal:
    """The principal of a stored key."""
    return Principal(
        workspace_id=WorkspaceId(workspace_id),
        kind=PrincipalKind.KEY,
        subject=f"key:{key_id}",
        key_id=key_id,
        name=name,
        role=role,
        scopes=preset_scopes(role) or NO_SCOPES,
        publishable=publishable,
    )
