"""The network between applications and server, which is cut now and then: requests arrive, and their answers do not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CUT_EVERY = 3.0
"""Seconds, on average: the pauses of some SDKs double with each failure in a row."""


class Wire:
    """Carries connections to a port of this machine."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: set[asyncio.StreamWriter] = set()
        self._carried: set[asyncio.Task[None]] = set()
        self.cuts = 0
        """Connections that were cut."""
        self.calm = False
        """Whether the cutting is over."""

    def cut(self) -> None:
        """Cut every connection, whatever is on its way."""
        for writer in self._open:
            writer.transport.abort()
        self.cuts += len(self._open) // 2

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one more connection to its end."""
        task = asyncio.create_task(self._client(reader, writer))
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)

    async def ended(self) -> None:
        """Cut what is left, and wait until nothing is."""
        self.cut()
        await asyncio.gather(*self._carried)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, server}
        try:
            await asyncio.gather(_carry(reader, server), _carry(answers, writer))
        finally:
            self._open -= {writer, server}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def cut_at_random(port: int, to: int, rng: random.Random) -> AsyncIterator[Wire]:
    """Carry what comes to `port` to the port `to`, and cut all of it now and then."""
    wire = Wire(to)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", port)

    async def cutting() -> None:
        while not wire.calm:
            await asyncio.sleep(rng.expovariate(1 / CUT_EVERY))
            if not wire.calm:
                wire.cut()

    task = asyncio.create_task(cutting())
    try:
        yield wire
    finally:
        task.cancel()
        server.close()
        await wire.ended()
