"""What an administrator does with keys and roles, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from cdp.access import Peer, Principal
from cdp.access.key import KeyChange, MadeKey
from cdp.access.keys import end_key, make_key, rotate_key, update_key
from cdp.access.roles import define_role, remove_role
from cdp.db.pool import Connection, Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANYWHERE = Peer("198.51.100.1")


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


class Keyring:
    """What an administrator does with keys, each in a transaction of its own."""

    def __init__(self, database: Database, granter: Principal, clock: Clock) -> None:
        self.database = database
        self.granter = granter
        self.clock = clock

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.database.transaction(self.granter.workspace_id) as connection:
            yield connection

    async def make(self, role: str, **given: object) -> MadeKey:
        async with self.transaction() as connection:
            given = {"name": "k", "now": self.clock.now(), **given}
            return await make_key(connection, self.granter, role=role, **given)

    async def rotate(self, key_id: int, overlap: timedelta = DAY) -> MadeKey:
        async with self.transaction() as connection:
            return await rotate_key(connection, self.granter, key_id, overlap=overlap, now=self.clock.now())

    async def update(self, key_id: int, **change: object) -> None:
        async with self.transaction() as connection:
            await update_key(connection, self.granter, key_id, KeyChange(**change), now=self.clock.now())

    async def revoke(self, key_id: int) -> None:
        async with self.transaction() as connection:
            await end_key(connection, self.granter.workspace_id, key_id, now=self.clock.now())

    async def define(self, name: str, *scopes: str) -> frozenset[str]:
        async with self.transaction() as connection:
            role = await define_role(connection, self.granter, name=name, scopes=scopes, now=self.clock.now())
            return role.scopes

    async def remove(self, name: str) -> None:
        async with self.transaction() as connection:
            await remove_role(connection, self.granter.workspace_id, name)

    def of(self, *scopes: str) -> Keyring:
        """The same by an administrator with these scopes alone."""
        granter = replace(self.granter, role="DEPUTY", scopes=frozenset(scopes))
        return Keyring(self.database, granter, self.clock)
