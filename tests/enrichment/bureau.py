"""A provider of enrichment as a real HTTP server, which keeps its own books."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, Any, dict[str, str]]
"""Status, body (bytes as they are, anything else as JSON), headers."""


def knows(**fields: Any) -> Callable[[Bureau, str], Reply]:
    """Answers everybody the same."""
    return lambda _bureau, _who: (200, fields, {})


@dataclass
class Bureau:
    """What the server saw, and what it charges."""

    answer: Callable[[Bureau, str], Reply | None]
    """Given who is asked about; None: never answers."""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    billed: Counter[str] = field(default_factory=Counter)
    """Answers that gave something, by whom they were about."""
    at_once: int = 0
    most_at_once: int = 0

    def most_within(self, seconds: float) -> int:
        """Most requests that arrived in any span of this length."""
        return max(
            (sum(start <= one < start + seconds for one in self.times) for start in self.times), default=0
        )

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._take(reader, writer)
        finally:
            await hang_up(writer)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        self.times.append(time.monotonic())
        line, *rest = head.strip().split("\r\n")
        self.headers.append(dict(one.split(": ", 1) for one in rest))
        who = next(iter(parse_qs(urlsplit(line.split()[1]).query).get("of", [""])))
        self.asked.append(who)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._reply(who, reader, writer)
        except ConnectionError:
            pass
        finally:
            self.at_once -= 1

    async def _reply(self, who: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = self.answer(self, who)
        if reply is None:
            await reader.read()
            return
        status, said, headers = reply
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        if status == 200:
            self.billed[who] += 1
        named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} .\r\nContent-Length: {len(body)}\r\n{named}\r\n".encode() + body)
        await writer.drain()


@asynccontextmanager
async def serving(answer: Callable[[Bureau, str], Reply | None]) -> AsyncIterator[Bureau]:
    """The bureau, open."""
    bureau = Bureau(answer)
    server, ending = await listen(bureau.handle)
    bureau.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield bureau
    finally:
        await ending()


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def listen(handle: Handle) -> tuple[asyncio.Server, Callable[[], Awaitable[None]]]:
    """A server on a port of its own, and what ends it with all its connections."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(handle(reader, writer)))

    async def end() -> None:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    return server, end


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close the connection, and see it closed: what is left open is a warning in somebody else's test."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 0.5)
    except (TimeoutError, ConnectionError):
        writer.transport.abort()
        await asyncio.sleep(0)
