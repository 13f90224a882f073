"""What a long history costs: ingest, reading a profile, merging and splitting.

    python -m bench.growth --quick
    python -m bench.growth --json growth.json

docs/benchmarks.md says what is measured, and how history is made.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from bench import drawing
from bench.figures import arguments, save, show
from bench.growth.history import BLOCK_EVENTS, BLOCK_PEOPLE, UNSAFE, Size, multiply
from bench.growth.persons import Person
from bench.http import Load, paced, request
from bench.ingest.measuring import Bench, Measured
from bench.server import Served, make_workspace, serving
from bench.traffic import somebody
from cdp.db.embedded import EmbeddedPostgres

_CHART = Path("docs/benchmark-growth.svg")
_QUERY = Path(__file__).parent.parent / "read" / "queries" / "one.graphql"
ACTIVE = 5_000
"""People of today, as many at every size: history is what grows. One visit in ten is somebody's out of all history."""
_READS_PER_SECOND = 150
"""Few enough that none waits for another."""

_UNSETTLED = "SELECT EXISTS (SELECT FROM settlement)"
_KNOWN = "SELECT value FROM node WHERE kind = 'user_id' AND value = ANY ($1)"


@dataclass(kw_only=True, slots=True)
class Stage:
    """A server on a database with so much history, and what was measured there."""

    size: Size
    people: int
    """Of the history, numbered from 1."""
    server: Served
    bench: Bench
    ingests: list[Measured] = field(default_factory=list)
    reads: list[Load] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(run.events_per_second for run in self.ingests)

    def read_ms(self, share: float) -> float:
        return median(load.percentile(share) for load in self.reads)


async def main() -> None:
    options = arguments("Ingest, reads, merges and splits as history grows.")
    sizes = (50_000, 200_000, 500_000) if options.quick else (100_000, 1_000_000, 10_000_000)
    rounds, count, seconds = (2, 5_000, 2.0) if options.quick else (5, 40_000, 8.0)
    histories = (10, 5_000) if options.quick else (10, 100_000)
    with tempfile.TemporaryDirectory(prefix="diptych-growth-") as name:
        folder = Path(name)
        key = await _make_block(folder / "block")
        async with AsyncExitStack() as stack:
            stages = [
                await stack.enter_async_context(_stage(folder, size // BLOCK_EVENTS, key)) for size in sizes
            ]
            for number in range(-1, rounds):
                for stage in stages[number % len(stages) :] + stages[: number % len(stages)]:
                    await _measure(stage, count, seconds, seed=number, warm=number < 0)
            persons = [Person(stages[-1].server, history) for history in histories]
            for person in persons:
                await person.live()
            for _ in range(12):
                for person in persons:
                    await person.join_and_part()
    _report(stages, persons)
    if not options.quick:
        _draw(stages, persons)
    save(options.json, _figures(stages, persons))


async def _make_block(folder: Path) -> str:
    """Have real ingest leave a block of history in an empty database; the key of its workspace."""
    folder.parent.chmod(0o711)
    with EmbeddedPostgres.start(folder, settings=UNSAFE) as postgres:
        key = make_workspace(postgres)
        async with serving(postgres, key) as server:
            bench = Bench(server, people=BLOCK_PEOPLE, newcomers=0.0)
            made = await bench.full_speed(500, 4, BLOCK_EVENTS)
            await _settled(postgres)
    _say(f"a block of {BLOCK_EVENTS:,} events ingested in {made.load.seconds:.0f} s")
    return key


@asynccontextmanager
async def _stage(folder: Path, times: int, key: str) -> AsyncIterator[Stage]:
    """A server on the block, copied so many times."""
    data = folder / f"times-{times}"
    shutil.copytree(folder / "block", data, symlinks=True)
    _owned_alike(folder / "block", data)
    with EmbeddedPostgres.start(data, settings=UNSAFE) as postgres:
        size = await multiply(postgres.superuser_url, times)
    _say(f"{size.events:,} events of {size.people:,} people after {size.seconds:.0f} s")
    with EmbeddedPostgres.start(data) as postgres:
        async with serving(postgres, key) as server:
            yield Stage(
                size=size,
                people=BLOCK_PEOPLE * times,
                server=server,
                bench=Bench(server, people=BLOCK_PEOPLE * times, active=ACTIVE, first_seed=times),
            )


def _owned_alike(original: Path, copy: Path) -> None:
    """Give a copied folder the owners of the original: root's PostgreSQL runs as somebody else."""
    for path in (original, *original.rglob("*")):
        found = path.lstat()
        shutil.chown(copy / path.relative_to(original), found.st_uid, found.st_gid)


async def _measure(stage: Stage, count: int, seconds: float, *, seed: int, warm: bool) -> None:
    """One round at one size; the first is not counted."""
    ingest = await stage.bench.full_speed(100, 8, count)
    await _settled(stage.server.postgres)
    reads = await paced(
        stage.server.port,
        await _reads(stage, round(_READS_PER_SECOND * seconds), random.Random(seed)),
        per_second=_READS_PER_SECOND,
        connections=8,
        seed=seed,
    )
    if not warm:
        stage.ingests.append(ingest)
        stage.reads.append(reads)


async def _settled(postgres: EmbeddedPostgres) -> None:
    """Wait until the worker has nothing left to do."""
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        while await connection.fetchval(_UNSETTLED):  # noqa: ASYNC110 - other processes work
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _reads(stage: Stage, count: int, rng: random.Random) -> list[bytes]:
    """Requests for so many people, drawn as visits draw them."""
    wanted = [f"user-{somebody(rng, stage.people, ACTIVE)}" for _ in range(2 * count)]
    connection = await asyncpg.connect(stage.server.postgres.superuser_url)
    try:
        known = {row[0] for row in await connection.fetch(_KNOWN, list(set(wanted)))}
    finally:
        await connection.close()
    people = [user for user in wanted if user in known][:count]
    document, key = _QUERY.read_text(), stage.server.key
    bodies = (json.dumps({"query": document, "variables": {"value": user}}).encode() for user in people)
    return [request("POST", "/graphql", key=key, body=body) for body in bodies]


def _report(stages: list[Stage], persons: list[Person]) -> None:
    first, few = stages[0], persons[0]
    show(
        "As history grows: ingest in batches of 100, one profile with both panels; medians of the rounds",
        ("events", "people", "events/s", "× the first", "read p50", "read p99", "× the first"),
        [
            (
                f"{stage.size.events:,}",
                f"{stage.size.people:,}",
                f"{stage.per_second:,.0f}",
                f"{stage.per_second / first.per_second:.2f}",
                f"{stage.read_ms(0.5):.2f} ms",
                f"{stage.read_ms(0.99):.2f} ms",
                f"{stage.read_ms(0.99) / first.read_ms(0.99):.2f}",
            )
            for stage in stages
        ],
    )
    show(
        "A person with a history is merged into another, and split off again, in the largest database",
        ("events of the person", "merge", "× the first", "split", "× the first"),
        [
            (
                f"{person.history:,}",
                f"{person.merge_ms:.1f} ms",
                f"{person.merge_ms / few.merge_ms:.2f}",
                f"{person.split_ms:.1f} ms",
                f"{person.split_ms / few.split_ms:.2f}",
            )
            for person in persons
        ],
    )


def _figures(stages: list[Stage], persons: list[Person]) -> dict[str, object]:
    first, last, few, many = stages[0], stages[-1], persons[0], persons[-1]
    return {
        "sizes": {
            str(stage.size.events): {
                "people": stage.size.people,
                "http_events_per_s": stage.per_second,
                "read_p50_ms": stage.read_ms(0.5),
                "read_p99_ms": stage.read_ms(0.99),
            }
            for stage in stages
        },
        "ingest_ratio": last.per_second / first.per_second,
        "read_p99_ratio": last.read_ms(0.99) / first.read_ms(0.99),
        "merge_ms": {str(person.history): person.merge_ms for person in persons},
        "split_ms": {str(person.history): person.split_ms for person in persons},
        "merge_ratio": many.merge_ms / few.merge_ms,
        "split_ratio": many.split_ms / few.split_ms,
    }


def _draw(stages: list[Stage], persons: list[Person]) -> None:
    first = stages[0]
    drawing.bars(
        _CHART,
        title="As history grows: each relative to the shortest",
        bars=[
            drawing.Bar(label, ratio, said, colour)
            for stage in stages
            for label, ratio, said, colour in (
                (
                    f"{stage.size.events / 1e6:.1f} M events",
                    stage.per_second / first.per_second,
                    f"{stage.per_second:,.0f} events/s",
                    drawing.OURS,
                ),
                (
                    "",
                    stage.read_ms(0.99) / first.read_ms(0.99),
                    f"a profile: p99 {stage.read_ms(0.99):.1f} ms",
                    drawing.PEER,
                ),
            )
        ],
        note=f"{datetime.now(UTC):%d %B %Y}; "
        + "; ".join(
            f"{person.history:,} events: merge {person.merge_ms:.0f} ms, split {person.split_ms:.0f} ms"
            for person in persons
        ),
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    began = time.perf_counter()
    uvloop.run(main())
    print(f"\nin {time.perf_counter() - began:.0f} s")
