"""A load generator that costs little: HTTP/1.1 keep-alive on bare protocols, requests encoded beforehand.

It shares the machine with what it measures: no streams, no tasks, no parsing beyond status and length.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What one run of requests took."""

    requests: int
    seconds: float
    latencies_ms: Sequence[float]
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that `share` of the requests stayed under."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def request(method: str, path: str, *, key: str, body: bytes, host: str = "127.0.0.1") -> bytes:
    """One whole request, ready to be written to a socket."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nX-Write-Key: {key}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float | None = None
) -> Load:
    """Send every request once over so many connections, each waiting for its answer before the next.

    With `seconds` they are sent again and again until the time is over.
    """
    began = time.perf_counter()
    waiting = iter(requests) if seconds is None else _until(requests, began + seconds)
    tally = _Tally()
    over = asyncio.get_running_loop().create_future()
    busy = connections

    def next_one(exchange: _Exchange) -> None:
        nonlocal busy
        message = next(waiting, None)
        if message is not None:
            exchange.ask(message, time.perf_counter())
            return
        busy -= 1
        if not busy and not over.done():
            over.set_result(None)

    exchanges = await _connect(port, connections, tally, next_one, over)
    try:
        for exchange in exchanges:
            next_one(exchange)
        await over
    finally:
        for exchange in exchanges:
            exchange.close()
    return tally.load(time.perf_counter() - began)


async def paced(
    port: int, requests: Sequence[bytes], *, per_second: float, connections: int, seed: int = 1
) -> Load:
    """Send every request once, at random moments that do not depend on the answers (a Poisson process).

    A latency counts from the moment at which the request was due, so that a server which stalls is charged for all
    that would have come meanwhile. Requests wait for a free connection where there is none.
    """
    rng = random.Random(seed)
    tally = _Tally()
    over = asyncio.get_running_loop().create_future()
    late: deque[tuple[bytes, float]] = deque()
    idle: deque[_Exchange] = (
        deque()
    )  # the longest idle is asked next, as the server hangs up on those that never are

    def answered(exchange: _Exchange) -> None:
        if late:
            exchange.ask(*late.popleft())
        else:
            idle.append(exchange)
        if len(tally.latencies_ms) == len(requests) and not over.done():
            over.set_result(None)

    exchanges = await _connect(port, connections, tally, answered, over)
    idle.extend(exchanges)
    began = due = time.perf_counter()
    try:
        for message in requests:
            due += rng.expovariate(per_second)
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            if idle:
                idle.popleft().ask(message, due)
            else:
                late.append((message, due))
                await asyncio.sleep(0)
            if over.done():
                break
        await over
    finally:
        for exchange in exchanges:
            exchange.close()
    return tally.load(time.perf_counter() - began)


def _until(requests: Sequence[bytes], end: float) -> Iterator[bytes]:
    for message in itertools.cycle(requests):
        if time.perf_counter() >= end:
            return
        yield message


async def fetch(port: int, message: bytes) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head[9:12]), await reader.readexactly(_length(head))
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("The server closed the connection before its answer was whole.") from error
    finally:
        writer.close()


class _Tally:
    """What has been answered so far."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.statuses: dict[int, int] = {}

    def load(self, seconds: float) -> Load:
        return Load(
            requests=len(self.latencies_ms),
            seconds=seconds,
            latencies_ms=self.latencies_ms,
            statuses=self.statuses,
        )


class _Exchange(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(
        self, tally: _Tally, answered: Callable[[_Exchange], None], over: asyncio.Future[None]
    ) -> None:
        self._tally = tally
        self._answered = answered
        self._over = over
        self._since = 0.0
        self._received = b""
        self._asking = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, message: bytes, since: float) -> None:
        """Send a request, whose latency counts from `since`."""
        assert self._transport is not None
        self._since = since
        self._asking = True
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0 or len(received) < end + 4 + _length(received[: end + 2]):
            return
        self._received = b""
        self._asking = False
        self._tally.latencies_ms.append((time.perf_counter() - self._since) * 1000)
        status = int(received[9:12])
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._answered(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._asking and not self._over.done():
            self._over.set_exception(
                error or ConnectionResetError("The server closed a connection while it was asked.")
            )

    def close(self) -> None:
        self._asking = False
        if self._transport is not None:
            self._transport.close()


async def _connect(
    port: int,
    connections: int,
    tally: _Tally,
    answered: Callable[[_Exchange], None],
    over: asyncio.Future[None],
) -> list[_Exchange]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: _Exchange(tally, answered, over), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]


def _length(head: bytes) -> int:
    """The Content-Length of an answer's head; 0 where it names none."""
    found = head.lower().find(b"\r\ncontent-length:")
    return int(head[found + 17 : head.index(b"\r\n", found + 2)]) if found >= 0 else 0
