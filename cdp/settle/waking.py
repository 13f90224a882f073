"""How what works in the background waits: for a while, or until something happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from cdp.db.pool import Connection, Database


async def pause(seconds: float, unless: asyncio.Event) -> None:
    """Let so much time pass, or the event be set."""
    try:
        async with asyncio.timeout(seconds):
            await unless.wait()
    except TimeoutError:
        return


@asynccontextmanager
async def listening(
    database: Database, channel: str, wake: Callable[[], object]
) -> AsyncIterator[Connection]:
    """A connection that calls `wake` whenever the channel is notified, for as long as it is held."""

    def notified(*_about: object) -> None:
        wake()

    async with database.unbound() as connection:
        await connection.add_listener(channel, notified)
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await connection.remove_listener(channel, notified)
