"""A load generator that costs little: HTTP/1.1 keep-alive over asyncio streams, requests encoded beforehand."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


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
    waiting = iter(requests) if seconds is None else _until(requests, time.perf_counter() + seconds)
    latencies: list[float] = []
    statuses: dict[int, int] = {}

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in waiting:
            began = time.perf_counter()
            writer.write(message)
            status, _ = await _answer(reader)
            latencies.append((time.perf_counter() - began) * 1000)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return Load(
        requests=len(latencies),
        seconds=time.perf_counter() - began,
        latencies_ms=latencies,
        statuses=statuses,
    )


def _until(requests: Sequence[bytes], end: float) -> Iterator[bytes]:
    for message in itertools.cycle(requests):
        if time.perf_counter() >= end:
            return
        yield message


async def fetch(port: int, message: bytes) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message)
    answer = await _answer(reader)
    writer.close()
    return answer


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return int(head[9:12]), await reader.readexactly(length)
