"""Plugins that do harm in one workspace, and how the requests of another one are answered meanwhile."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from bench.figures import show
from bench.hooks.plugins import write_chaos
from bench.http import Load, fetch, paced, request
from bench.server import Served, make_workspace, serving
from bench.traffic import batches, events
from cdp.db.embedded import EmbeddedPostgres

NEIGHBOUR_PER_SECOND = 40.0
"""Requests of the workspace that is measured; one in four stores 10 events, the others read a person."""
CHAOS_PER_SECOND = 6.0
"""Requests of the workspace where the plugins are on."""

READ = """query ($id: String!) { profile(identifier: {kind: "user_id", value: $id}) {
  displayName buyerIntent { score level } memberships { nodes { roles { role } } } } }"""
ASK = """query ($id: String!) { profile(identifier: {kind: "user_id", value: $id}) {
  personalisation(slot: "home_hero") { variant } } }"""
STATE = """{ plugins { name enabled blockedSeconds memoryMegabytes
  hooks { hook calls failures timeouts refused skipped circuit } } }"""
TURN = "mutation ($input: Plugin%sInput!) { plugin%s(input: $input) { userErrors { message } } }"


async def chaos(*, quick: bool) -> dict[str, object]:
    """The neighbour's latency with the plugins off and on; what was lost, who was named, how soon off is off."""
    rounds, seconds = (2, 6.0) if quick else (4, 20.0)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start() as postgres:
        neighbour = make_workspace(postgres, "neighbour")
        victim = make_workspace(postgres, "chaos")
        names = write_chaos(Path(folder))
        async with serving(postgres, neighbour, "--plugins-dir", folder) as server:
            (Path(folder) / "url").write_text(f"http://127.0.0.1:{server.port}/healthz")
            for name in names:
                await _turn(server.port, neighbour, "Disable", name)
                await _turn(server.port, victim, "Disable", name)
            off: list[Load] = []
            on: list[Load] = []
            state: dict[str, dict[str, Any]] = {}
            silence = 0.0
            _, (sent, accepted) = await _load(server.port, neighbour, victim, 4.0, seed=99)
            for number in range(rounds):
                load, more = await _load(server.port, neighbour, victim, seconds, seed=number * 2)
                off.append(load)
                sent, accepted = sent + more[0], accepted + more[1]
                for name in names:
                    await _turn(server.port, victim, "Enable", name)
                load, more = await _load(server.port, neighbour, victim, seconds, seed=number * 2 + 1)
                on.append(load)
                sent, accepted = sent + more[0], accepted + more[1]
                state = await _state(server.port, victim)
                silence = await _silence(server, victim, names)
            stored = await _stored(server, victim)
    named = _named(state, names)
    before = statistics.median(load.percentile(0.99) for load in off)
    after = statistics.median(load.percentile(0.99) for load in on)
    show(
        f"Another workspace beside {len(names)} plugins that do harm, medians of {rounds} rounds",
        ("", "plugins off", "plugins on", "times"),
        [
            ("p50", *(f"{_median(loads, 0.5):.1f} ms" for loads in (off, on)), ""),
            ("p99", f"{before:.1f} ms", f"{after:.1f} ms", f"{after / before:.2f}"),
            ("failed requests", *(str(sum(_failed(load) for load in loads)) for loads in (off, on)), ""),
        ],
    )
    show(
        "The plugins, as `plugins { … }` tells",
        ("plugin", "calls", "raised", "late", "refused", "skipped", "blocked", "grew by", "circuits open"),
        [[name, *map(str, row)] for name, row in named.items()],
    )
    print(
        f"  events of the workspace with the plugins: {sent} sent, {accepted} acknowledged, {stored} stored"
    )
    print(f"  turned off, the last call of any of them began within {silence:.2f} s")
    return {
        "p99_ms_off": before,
        "p99_ms_on": after,
        "times": after / before,
        "events": {"sent": sent, "accepted": accepted, "stored": stored},
        "plugins": named,
        "silent_after_s": silence,
    }


async def _load(
    port: int, neighbour: str, victim: str, seconds: float, *, seed: int
) -> tuple[Load, tuple[int, int]]:
    """The neighbour's load, while the other workspace stores events and asks for what to show."""
    reads = [_graphql(neighbour, READ, id=f"user-{number}") for number in range(1, 200)]
    count = int(seconds * NEIGHBOUR_PER_SECOND)
    bodies = batches(events(count * 10, people=1_000, seed=seed), 10)
    messages = [
        request("POST", "/v1/batch", key=neighbour, body=next(bodies))
        if index % 4 == 0
        else reads[index % len(reads)]
        for index in range(count)
    ]
    others = int(seconds * CHAOS_PER_SECOND)
    theirs = list(batches(events(others * 5, people=100, seed=seed + 1_000), 5))
    asks = [_graphql(victim, ASK, id=f"user-{number}") for number in range(1, 100)]
    harm = [
        request("POST", "/v1/batch", key=victim, body=theirs[index])
        if index % 3 == 0
        else asks[index % len(asks)]
        for index in range(others)
    ]
    load, harmed = await asyncio.gather(
        paced(port, messages, per_second=NEIGHBOUR_PER_SECOND, connections=16, seed=seed),
        _each(port, harm, per_second=CHAOS_PER_SECOND),
    )
    stored = harmed[::3]
    return load, (5 * len(stored), 5 * sum(status == 200 for status in stored))


async def _each(port: int, messages: list[bytes], *, per_second: float) -> list[int]:
    """Send each on a connection of its own, whatever becomes of those before it; the statuses."""

    async def one(message: bytes, after: float) -> int:
        await asyncio.sleep(after)
        status, _ = await fetch(port, message)
        return status

    return await asyncio.gather(*(one(message, index / per_second) for index, message in enumerate(messages)))


def _graphql(key: str, query: str, **variables: Any) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    return request("POST", "/graphql", key=key, body=body)


async def _turn(port: int, key: str, how: str, name: str) -> None:
    status, text = await fetch(port, _graphql(key, TURN % (how, how), input={"plugin": name}))
    assert status == 200, text
    assert b"errors" not in text, text


async def _state(port: int, key: str) -> dict[str, dict[str, Any]]:
    _, text = await fetch(port, _graphql(key, STATE))
    assert b"errors" not in text, text
    return {one["name"]: one for one in json.loads(text)["data"]["plugins"]}


def _calls(state: dict[str, dict[str, Any]], names: list[str]) -> int:
    return sum(hook["calls"] for name in names for hook in state[name]["hooks"])


async def _silence(server: Served, victim: str, names: list[str]) -> float:
    """Turn them all off while they are being called, and see when the last call began."""
    harm = [_graphql(victim, ASK, id=f"user-{number % 100}") for number in range(200)]
    asking = asyncio.create_task(_each(server.port, harm, per_second=40.0))
    await asyncio.sleep(0.5)
    for name in names:
        await _turn(server.port, victim, "Disable", name)
    began = last = time.perf_counter()
    before = _calls(await _state(server.port, victim), names)
    while time.perf_counter() - began < 4.0:
        await asyncio.sleep(0.05)
        calls = _calls(await _state(server.port, victim), names)
        if calls != before:
            before, last = calls, time.perf_counter()
    await asking
    return last - began


async def _stored(server: Served, victim: str) -> int:
    _, text = await fetch(server.port, _graphql(victim, "{ workspace { name } }"))
    assert b"chaos" in text
    connection = await asyncpg.connect(server.postgres.owner_url)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM event e JOIN workspace w USING (workspace_id) WHERE w.name = 'chaos'"
            )
        )
    finally:
        await connection.close()


def _named(state: dict[str, dict[str, Any]], names: list[str]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {}
    for name in names:
        hooks = state[name]["hooks"]
        sums = [
            sum(hook[what] for hook in hooks)
            for what in ("calls", "failures", "timeouts", "refused", "skipped")
        ]
        open_ = ", ".join(hook["hook"] for hook in hooks if hook["circuit"] != "CLOSED")
        blocked, grew = state[name]["blockedSeconds"], state[name]["memoryMegabytes"]
        rows[name] = [*sums, f"{blocked:.1f} s", f"{grew} MiB", open_]
    return rows


def _median(loads: list[Load], share: float) -> float:
    return statistics.median(load.percentile(share) for load in loads)


def _failed(load: Load) -> int:
    return sum(count for status, count in load.statuses.items() if status != 200)
