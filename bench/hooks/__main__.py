"""What plugins cost that do nothing, and what those do to others that do harm.

    python -m bench.hooks --quick
    python -m bench.hooks --json hooks.json

Server, database and load generator share the machine. Both halves compare within one run, in turns.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.figures import arguments, save, show
from bench.hooks.chaos import chaos
from bench.hooks.plugins import write_idle
from bench.http import Load, fetch, request, run
from bench.ingest.measuring import postmaster_of
from bench.processes import use_of
from bench.server import Served, make_workspace, serving
from bench.traffic import batches, events
from cdp.db.embedded import EmbeddedPostgres

PLUGINS = 10
BATCH = 100
CONNECTIONS = 32
"""As many as saturate the server: with few, each plugin's turn is waited for, and nothing else is done meanwhile."""

READ = """query ($id: String!) { profile(identifier: {kind: "user_id", value: $id}) {
  displayName buyerIntent { score level stage } usage { phase activeDays }
  memberships { nodes { account { name } roles { role confidence source } } }
  personalisation(slot: "home_hero") { variant plugin } } }"""


async def main() -> None:
    options = arguments(
        "Plugins: ten that do nothing, and nine that do harm.", idle="only those that do nothing"
    )
    figures: dict[str, object] = {"idle": await _idle(quick=options.quick)}
    if not options.idle:
        figures["chaos"] = await chaos(quick=options.quick)
    save(options.json, figures)


async def _idle(*, quick: bool) -> dict[str, object]:
    rounds, requests, seconds = (5, 96, 1.0) if quick else (12, 160, 4.0)
    async with AsyncExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        write_idle(folders[0], PLUGINS)
        write_idle(folders[1], PLUGINS, told=False)
        servers = {
            "none": await _served(stack),
            "all hooks": await _served(stack, "--plugins-dir", str(folders[0])),
        }
        if not quick:
            servers["all but those of changes"] = await _served(stack, "--plugins-dir", str(folders[1]))
        ingest = await _turns(servers, rounds, lambda server, number: _ingest(server, requests, seed=number))
        for server in servers.values():
            await _settled(server)
        reads = await _turns(servers, rounds, lambda server, _: _read(server, seconds))
    show(
        f"{PLUGINS} plugins that do nothing, medians of {rounds} rounds, beside none",
        ("hooks", "events/s", "", "CPU/event", "", "read p50", "", "read p99"),
        [_row(name, ingest, reads) for name in servers],
    )
    return {
        name: {
            "events_per_s": _median(ingest[name], _per_second),
            "cpu_us_per_event": _median(ingest[name], lambda one: one.cpu_us / BATCH),
            "read_p50_ms": _median(reads[name], _p50),
            "read_p99_ms": _median(reads[name], lambda one: one.load.percentile(0.99)),
            "ingest_cost": 1 - _beside(ingest, name, _per_second),
            "cpu_cost": _beside(ingest, name, lambda one: one.cpu_us) - 1,
            "read_cost": _beside(reads, name, _p50) - 1,
        }
        for name in servers
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One turn of one server."""

    load: Load
    cpu_us: float
    """Of server and PostgreSQL, for each event or read."""


Rounds = dict[str, list[Round]]
Figure = Callable[[Round], float]


async def _turns(
    servers: dict[str, Served], rounds: int, make: Callable[[Served, int], Awaitable[Load]]
) -> Rounds:
    """Everybody's turns, and one before to warm up; another one begins each time."""
    found: Rounds = {name: [] for name in servers}
    for number in range(-1, rounds):
        names = list(servers)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            server = servers[name]
            before = _cpu(server)
            load = await make(server, number + 10)
            used = (_cpu(server) - before) / load.requests * 1e6
            if number >= 0:
                found[name].append(Round(load=load, cpu_us=used))
    return found


def _cpu(server: Served) -> float:
    return use_of(server.pid).cpu_seconds + use_of(postmaster_of(server)).cpu_seconds


def _per_second(one: Round) -> float:
    return one.load.per_second * BATCH


def _p50(one: Round) -> float:
    return one.load.percentile(0.5)


def _median(rounds: list[Round], figure: Figure) -> float:
    return statistics.median(map(figure, rounds))


def _beside(found: Rounds, name: str, figure: Figure) -> float:
    """A figure in parts of what it is without plugins: the median over rounds, each beside its neighbour in time."""
    pairs = zip(found[name], found["none"], strict=True)
    return statistics.median(figure(one) / figure(other) for one, other in pairs)


def _row(name: str, ingest: Rounds, reads: Rounds) -> tuple[str, ...]:
    def cpu(one: Round) -> float:
        return one.cpu_us / BATCH

    return (
        name,
        f"{_median(ingest[name], _per_second):,.0f}",
        f"{_beside(ingest, name, _per_second) - 1:+.1%}",
        f"{_median(ingest[name], cpu):.0f} µs",
        f"{_beside(ingest, name, cpu) - 1:+.1%}",
        f"{_median(reads[name], _p50):.2f} ms",
        f"{_beside(reads, name, _p50) - 1:+.1%}",
        f"{_median(reads[name], lambda one: one.load.percentile(0.99)):.1f} ms",
    )


async def _served(stack: AsyncExitStack, *options: str) -> Served:
    postgres = stack.enter_context(EmbeddedPostgres.start())
    key = make_workspace(postgres)
    return await stack.enter_async_context(serving(postgres, key, *options))


async def _ingest(server: Served, requests: int, *, seed: int) -> Load:
    messages = [
        request("POST", "/v1/batch", key=server.key, body=body)
        for body in batches(events(requests * BATCH, people=2_000, seed=seed), BATCH)
    ]
    load = await run(server.port, messages, connections=CONNECTIONS)
    assert set(load.statuses) == {200}, load.statuses
    return load


async def _read(server: Served, seconds: float) -> Load:
    requests = [
        request(
            "POST",
            "/graphql",
            key=server.key,
            body=json.dumps({"query": READ, "variables": {"id": f"user-{number + 1}"}}).encode(),
        )
        for number in range(200)
    ]
    load = await run(server.port, requests, connections=2, seconds=seconds)
    assert set(load.statuses) == {200}, load.statuses
    return load


async def _settled(server: Served) -> None:
    """Wait until the worker has nothing to do, as `/metrics` tells."""
    for _ in range(1_200):
        _, text = await fetch(server.port, request("GET", "/metrics", key="", body=b""))
        due = [line for line in text.decode().splitlines() if line.startswith("cdp_settle_waiting")]
        if due and all(float(line.rpartition(" ")[2]) == 0 for line in due):
            return
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main())
