"""Keys as they come with requests: looked up by their hash, remembered for a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from cdp.access.authenticator import UNKNOWN
from cdp.access.key import to_principal
from cdp.access.keys import queries
from cdp.access.memory import Memory
from cdp.access.principals import Principal
from cdp.access.scopes import NO_SCOPES, Scopes
from cdp.access.tokens_of_keys import hash_token, looks_like_key
from cdp.db.pool import Database
from cdp.errors import Unauthenticated


class _Known(Struct, frozen=True):
    principal: Principal
    expires_at: datetime | None


class KeyBearer:
    """Tells whose a key is.

    Nothing here compares secrets: a key is found by its SHA-256, whose look-up time says nothing about the key.
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
        declared: Scopes = NO_SCOPES,
    ) -> None:
        """Make it; it asks nobody before it is asked.

        Args:
            database: where keys are looked up.
            clock: the current time, that keys expire by.
            monotonic: seconds.
            remembered: good keys, and as many bad ones.
            strangers: unknown keys that are looked up at once.
            waiting: unknown keys that wait for it, those looked up included.
            declared: scopes that the labels take which plugins of this process declare; ADMIN has them all.
        """
        self._database = database
        self._clock = clock
        self._declared = declared
        self.memory: Memory[bytes, _Known] = Memory(
            self._look_up, monotonic=monotonic, remembered=remembered, strangers=strangers, waiting=waiting
        )

    def recognises(self, token: str) -> bool:
        """Whether it has the shape of a key."""
        return looks_like_key(token)

    async def principal(self, token: str) -> Principal:
        """Whose key it is.

        Raises:
            Unauthenticated: it is unknown, expired or revoked.
            Unavailable: the database is away, or too many unknown keys are being tried.
        """
        known = await self.memory.get(hash_token(token))
        if known is None or (known.expires_at is not None and known.expires_at <= self._clock()):
            raise Unauthenticated(UNKNOWN)
        return known.principal

    async def _look_up(self, hashed: bytes) -> _Known | None:
        async with self._database.unbound() as connection:
            row = await connection.fetchrow(queries.find_key, hashed)
        if row is None or row["revoked_at"] is not None:
            return None
        principal = to_principal(
            row["workspace_id"],
            row["key_id"],
            row["name"],
            row["role"],
            publishable=row["publishable"],
            scopes=row["scopes"],
            declared=self._declared,
            networks=row["networks"],
            origins=row["origins"],
        )
        return _Known(principal, row["expires_at"])
