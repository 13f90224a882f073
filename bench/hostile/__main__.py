"""What each hostile GraphQL request costs the server, and how it answers others meanwhile.

    python -m bench.hostile --quick
    python -m bench.hostile --json hostile.json

CPU time is that of the server's process, over several requests of a kind, one after the other. Then all kinds pour in
over several connections at once, while somebody asks for /healthz and for a person, and waits for each answer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from dataclasses import dataclass

import uvloop

from bench.figures import arguments, save, show
from bench.hostile.requests import Hostile, hostile_requests
from bench.http import fetch, request
from bench.processes import use_of
from bench.server import Served, served

BOUND = 50.0
"""Milliseconds of CPU time that any of them may cost."""


@dataclass(frozen=True)
class Found:
    """What became of one kind."""

    name: str
    milliseconds: float
    status: int
    codes: str


async def main() -> None:
    options = arguments("Hostile GraphQL requests: what each costs, and what others notice of them.")
    times, seconds = (5, 5.0) if options.quick else (20, 20.0)
    requests = list(hostile_requests())
    async with served("--no-worker") as server:
        found = [await cost(server, one, times) for one in requests]
        calm = await others(server, seconds / 2)
        pouring = [
            asyncio.create_task(pour(server, requests[at:] + requests[:at]))
            for at in range(0, len(requests), 12)
        ]
        busy = await others(server, seconds)
        for task in pouring:
            task.cancel()
        poured = sum(await asyncio.gather(*(stopped(task) for task in pouring)))
    found.sort(key=lambda one: -one.milliseconds)
    rows = [(one.name, f"{one.milliseconds:.1f}", str(one.status), one.codes) for one in found[:25]]
    show(f"The dearest of {len(found)} kinds", ("request", "CPU ms", "status", "codes"), rows)
    lines = [
        (name, *(f"{value:.1f}" for value in (statistics.median(all_), percentile(all_), max(all_))))
        for name, all_ in {**{f"{k}, alone": v for k, v in calm.items()}, **busy}.items()
    ]
    show(f"Others, while {poured:,} hostile requests came", ("request", "p50 ms", "p99 ms", "max ms"), lines)
    over = [one.name for one in found if one.milliseconds > BOUND]
    print(f"\nBeyond {BOUND:.0f} ms: {', '.join(over) or 'none'}.")
    save(
        options.json,
        {
            "cpu_ms": {one.name: round(one.milliseconds, 2) for one in found},
            "others_ms": {
                name: {"p50": statistics.median(v), "p99": percentile(v)} for name, v in busy.items()
            },
            "poured": poured,
        },
    )


async def cost(server: Served, one: Hostile, times: int) -> Found:
    """CPU time of one request, on average over several."""
    message = request("POST", "/graphql", key=server.key, body=one.body)
    status, body = await answered(server, message)
    before = use_of(server.pid)
    for _ in range(times):
        await answered(server, message)
    used = use_of(server.pid) - before
    return Found(one.name, used.cpu_seconds * 1_000 / times, status, codes(body))


async def answered(server: Served, message: bytes) -> tuple[int, bytes]:
    """An answer; of a body that is too large, the connection's end."""
    try:
        return await fetch(server.port, message)
    except (OSError, asyncio.IncompleteReadError):
        return 0, b""


def codes(body: bytes) -> str:
    """The codes of an answer's errors."""
    try:
        errors = json.loads(body).get("errors", ())
    except ValueError:
        return "?"
    return ", ".join(sorted({error["extensions"]["code"] for error in errors})) or "served"


async def pour(server: Served, requests: list[Hostile]) -> int:
    """Ask without end, over one connection at a time; the answer is how many requests were answered."""
    count = 0
    try:
        for one in itertools.cycle(requests):
            await answered(server, request("POST", "/graphql", key=server.key, body=one.body))
            count += 1
    except asyncio.CancelledError:
        pass
    return count


async def stopped(task: asyncio.Task[int]) -> int:
    try:
        return await task
    except asyncio.CancelledError:
        return 0


async def others(server: Served, seconds: float) -> dict[str, list[float]]:
    """Milliseconds that others waited for each of their answers."""
    small = json.dumps({"query": "{ profiles(first: 1) { nodes { id } } }"}).encode()
    asked = {
        "/healthz": request("GET", "/healthz", key="", body=b""),
        "a small query": request("POST", "/graphql", key=server.key, body=small),
    }
    waited: dict[str, list[float]] = {name: [] for name in asked}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, message in asked.items():
            began = time.perf_counter()
            status, _ = await fetch(server.port, message)
            assert status == 200, name
            waited[name].append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(0.01)
    return waited


def percentile(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


uvloop.run(main())
