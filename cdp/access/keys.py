"""Keys: made, listed, revoked, checked. A key is shown once; the database holds only its hash."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from cdp.access.scopes import SCOPES, KeyRole, Scope, parse_role
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Forbidden, NotFound, Unauthenticated, Unavailable
from cdp.model import WorkspaceId

queries = load_queries("cdp.access", "store.sql")

_ALPHABET = string.digits + string.ascii_letters
_RANDOM_BYTES = 32
_RANDOM_LENGTH = 43
"""Digits of base 62 that hold 32 bytes."""
_SHAPE = re.compile(r"cdp_(?:pub|sec)_[0-9A-Za-z]{43}")
_SHOWN = len("cdp_sec_") + 4
_LONGEST_NAME = 200

REMEMBERED_SECONDS = 1.0
"""How long an answer stands: a revoked key is dead, and a new one alive, within it."""
FAMILIAR_SECONDS = 600.0
"""How long a key that was good passes strangers in the queue."""

_UNKNOWN = "This key is unknown, expired or revoked."


class Principal(Struct, frozen=True, kw_only=True):
    """Who is asking: the key, its workspace, and what it may do."""

    workspace_id: WorkspaceId
    key_id: int
    name: str
    role: KeyRole
    scopes: frozenset[Scope]
    publishable: bool

    def require(self, scope: Scope) -> None:
        """Do nothing if the key has the scope.

        Raises:
            Forbidden: it has not.
        """
        if scope not in self.scopes:
            raise Forbidden(
                f"This needs the scope {scope.value}, which keys of role {self.role.value} do not have."
            )


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


def to_principal(workspace_id: int, key_id: int, name: str, role: str, *, publishable: bool) -> Principal:
    """The principal of a stored key."""
    key_role = KeyRole(role)
    return Principal(
        workspace_id=WorkspaceId(workspace_id),
        key_id=key_id,
        name=name,
        role=key_role,
        scopes=SCOPES[key_role],
        publishable=publishable,
    )


class _Answer(Struct, frozen=True):
    """What the database said about a hash; `principal` None: nothing good."""

    principal: Principal | None
    expires_at: datetime | None
    asked_at: float


class Authenticator:
    """Turns a key into its principal.

    Answers, good and bad, are remembered for a second, in bounded numbers. Keys that nobody knows reach the database
    through a narrow door: `strangers` at once, `waiting` in line, and the rest are told to try again; keys that were
    good lately do not stand in that line. Nothing here compares secrets: a key is found by its SHA-256, whose
    look-up time says nothing about the key.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        remembered: int = 10_000,
        strangers: int = 2,
        waiting: int = 200,
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._remembered = remembered
        self._good: OrderedDict[bytes, _Answer] = OrderedDict()
        self._bad: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Future[_Answer]] = {}
        self._door = asyncio.Semaphore(strangers)
        self._waiting = 0
        self._longest_line = waiting

    async def authenticate(self, token: str | None) -> Principal:
        """The principal of this key.

        Raises:
            Unauthenticated: there is no key, or it is unknown, expired or revoked.
            Unavailable: the database is away, or too many unknown keys are being tried.
        """
        if not token:
            raise Unauthenticated("A key is required.")
        if not looks_like_key(token):
            raise Unauthenticated(_UNKNOWN)
        hashed = hash_token(token)
        answer = self._recall(hashed)
        if answer is None:
            # One caller that goes away must not take the answer from the others.
            answer = await asyncio.shield(self._ask_once(hashed))
        elif answer.principal is not None and self._monotonic() - answer.asked_at > REMEMBERED_SECONDS / 2:
            self._ask_once(hashed)  # so that those who come all the time never wait
        if answer.principal is None or (answer.expires_at is not None and answer.expires_at <= self._clock()):
            raise Unauthenticated(_UNKNOWN)
        return answer.principal

    def _recall(self, hashed: bytes) -> _Answer | None:
        answer = self._good.get(hashed) or self._bad.get(hashed)
        if answer is not None and self._monotonic() - answer.asked_at < REMEMBERED_SECONDS:
            return answer
        return None

    def _ask_once(self, hashed: bytes) -> asyncio.Future[_Answer]:
        """Ask the database; requests that bring the same key meanwhile share the answer."""
        asking = self._asking.get(hashed)
        if asking is None:
            asking = asyncio.ensure_future(self._ask(hashed))
            self._asking[hashed] = asking
            asking.add_done_callback(lambda done: self._asked(hashed, done))
        return asking

    def _asked(self, hashed: bytes, done: asyncio.Future[_Answer]) -> None:
        del self._asking[hashed]
        if not done.cancelled():
            done.exception()  # told to those who wait, if anybody does

    async def _ask(self, hashed: bytes) -> _Answer:
        known = self._good.get(hashed)
        if known is not None and self._monotonic() - known.asked_at < FAMILIAR_SECONDS:
            answer = await self._look_up(hashed)
        else:
            if self._waiting >= self._longest_line:
                raise Unavailable("Too many unknown keys are being tried; try again in a moment.")
            self._waiting += 1
            try:
                async with self._door:
                    answer = await self._look_up(hashed)
            finally:
                self._waiting -= 1
        self._remember(hashed, answer)
        return answer

    async def _look_up(self, hashed: bytes) -> _Answer:
        asked_at = self._monotonic()
        async with self._database.unbound() as connection:
            row = await connection.fetchrow(queries.find_key, hashed)
        if row is None or row["revoked_at"] is not None:
            return _Answer(None, None, asked_at)
        principal = to_principal(
            row["workspace_id"], row["key_id"], row["name"], row["role"], publishable=row["publishable"]
        )
        return _Answer(principal, row["expires_at"], asked_at)

    def _remember(self, hashed: bytes, answer: _Answer) -> None:
        kept, other = (self._bad, self._good) if answer.principal is None else (self._good, self._bad)
        other.pop(hashed, None)
        kept[hashed] = answer
        kept.move_to_end(hashed)
        while len(kept) > self._remembered:
            kept.popitem(last=False)
