"""What a flood does: memory at ten times what the server can take, and how long another workspace waits meanwhile.

    python -m bench.pressure --quick
    python -m bench.pressure --json pressure.json

Server, database and load generator share the machine; the flood comes from a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.figures import arguments, save, show
from bench.http import Load, paced, request, run
from bench.processes import use_of
from bench.server import Served, make_workspace, serving
from bench.traffic import batches, events
from cdp.db.embedded import EmbeddedPostgres

BATCH = 100
"""Events in a request of the flood."""
CONNECTIONS = 200
"""Of the flood."""
NEIGHBOUR_SHARE = 0.05
"""Of what can be taken, that the workspace beside it sends, …"""
NEIGHBOUR_BATCH = 20
"""… so many events in a request."""
TIMES = 10
"""How much more than can be taken is offered."""


@dataclass(slots=True)
class Memory:
    """The most that the server held."""

    mib: float = 0.0


async def main() -> None:
    options = arguments("A flood: memory, and what the workspace beside it notices.")
    seconds = 10.0 if options.quick else 30.0
    with EmbeddedPostgres.start() as postgres:
        key = make_workspace(postgres)
        neighbour = make_workspace(postgres, "neighbour")
        async with serving(postgres, key) as server:
            await run(server.port, _requests(key, 2_000, seed=1), connections=4)
            idle = use_of(server.pid).memory_mib
            sustained = await run(server.port, _requests(key, 20_000, seed=2), connections=8, seconds=seconds)
            rate = sustained.per_second * BATCH
            alone = await _neighbour(server, neighbour, rate, seconds, seed=3)
            async with _measured(server) as memory:
                flood = await _flood(server, rate * TIMES / BATCH, seconds + 4)
                await asyncio.sleep(2)
                beside = await _neighbour(server, neighbour, rate, seconds, seed=4)
                said, _ = await flood.communicate()
            offered, taken, refused = (float(number) * BATCH for number in said.split())
    show(
        f"A flood of {offered / rate:.0f} times what can be taken, from {CONNECTIONS} connections",
        ("", "events/s", "p50", "p99", "memory"),
        [
            ("what can be taken", f"{rate:,.0f}", *_latency(sustained), f"{idle:,.0f} MiB before"),
            ("the flood: offered", f"{offered:,.0f}", "", "", f"{memory.mib:,.0f} MiB at most"),
            ("the flood: taken", f"{taken:,.0f}", "", "", ""),
            ("the flood: refused", f"{refused:,.0f}", "", "", ""),
            ("its neighbour, alone", f"{alone.per_second * NEIGHBOUR_BATCH:,.0f}", *_latency(alone), ""),
            (
                "its neighbour, beside it",
                f"{beside.per_second * NEIGHBOUR_BATCH:,.0f}",
                *_latency(beside),
                "",
            ),
        ],
    )
    save(
        options.json,
        {
            "sustained_events_per_s": rate,
            "offered_events_per_s": offered,
            "taken_events_per_s": taken,
            "memory_mib": memory.mib,
            "neighbour_p99_ms_alone": alone.percentile(0.99),
            "neighbour_p99_ms_beside": beside.percentile(0.99),
            "neighbour_refused": sum(count for status, count in beside.statuses.items() if status != 200),
        },
    )


def _requests(key: str, count: int, *, seed: int, size: int = BATCH) -> list[bytes]:
    return [
        request("POST", "/v1/batch", key=key, body=body)
        for body in batches(events(count, people=10_000, seed=seed), size)
    ]


async def _neighbour(server: Served, key: str, rate: float, seconds: float, *, seed: int) -> Load:
    per_second = max(2.0, rate * NEIGHBOUR_SHARE / NEIGHBOUR_BATCH)
    count = int(seconds * per_second) * NEIGHBOUR_BATCH
    return await paced(
        server.port,
        _requests(key, count, seed=seed, size=NEIGHBOUR_BATCH),
        per_second=per_second,
        connections=8,
    )


async def _flood(server: Served, per_second: float, seconds: float) -> asyncio.subprocess.Process:
    what = (server.port, server.key, per_second, seconds, CONNECTIONS, BATCH)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.pressure.flood", *map(str, what)),
        stdout=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def _measured(server: Served) -> AsyncIterator[Memory]:
    """Look at the server's memory several times a second, for as long as the block lasts."""
    memory = Memory()

    async def look() -> None:
        while True:
            memory.mib = max(memory.mib, use_of(server.pid).memory_mib)
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield memory
    finally:
        looking.cancel()


def _latency(load: Load) -> tuple[str, str]:
    return f"{load.percentile(0.5):.1f} ms", f"{load.percentile(0.99):.1f} ms"


if __name__ == "__main__":
    asyncio.run(main())
