"""What an event costs on its way, stage by stage: time of this process and of each statement, in microseconds.

    python -m bench.ingest.stages [--quick]

No HTTP and no settling: bodies go from `decode_batch` through the intake to the commit, in this process.
Processor time is counted, not the clock, so that the figures hold on a machine that is busy with other things;
statements are timed by `pg_stat_statements`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.figures import arguments, save, show
from bench.traffic import batches, events
from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.identity.kinds import make_kinds
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.decode import decode_batch
from cdp.ingest.intake import Intake
from cdp.ingest.validate import Validator
from cdp.model import WorkspaceId
from cdp.processes import calm_collector
from cdp.settings import Settings
from cdp.web.metrics import Metrics
from cdp.workspaces.cache import Workspaces

CONNECTIONS = 8

_FILES = (
    ("cdp.ingest", "store.sql"), ("cdp.identity", "identity.sql"), ("cdp.accounts", "accounts.sql"),
    ("cdp.lenses", "combine.sql"), ("cdp.lenses", "advance.sql"), ("cdp.lenses", "refresh.sql"),
    ("cdp.lenses", "settlement.sql"),
)  # fmt: skip


def _first_line(statement: str) -> str:
    """What tells statements apart: `pg_stat_statements` leaves out the comment with the name."""
    return next(line for line in statement.split("\n") if not line.startswith("--"))


NAMES = {_first_line(statement): name for place in _FILES for name, statement in load_queries(*place).items()}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is measured."""

    postgres: EmbeddedPostgres
    superuser: asyncpg.Connection
    intake: Intake
    workspace_id: WorkspaceId


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one run, in microseconds an event, but for `per_second`."""

    per_second: float
    python: float
    postgres: float
    statements: dict[str, tuple[float, float]]
    """Name → time an event, calls a flush."""


async def main() -> None:
    options = arguments("What an event costs on its way, stage by stage.")
    count, people = (20_000, 1_000) if options.quick else (60_000, 10_000)
    calm_collector()  # as the server does
    reading = _reading(count, people)
    figures: dict[str, float] = {"reading_us": reading}
    async with opened() as parts:
        await run(parts, count // 2, size=500, people=people, seed=1)
        for seed, size in enumerate((500, 100, 1), start=2):
            number = count if size > 1 else count // 20
            connections = CONNECTIONS if size > 1 else 32
            cost = await run(parts, number, size=size, people=people, seed=seed, connections=connections)
            figures |= {
                f"per_second_{size}": cost.per_second,
                f"python_us_{size}": cost.python,
                f"postgres_us_{size}": cost.postgres,
            }
            show(
                f"Batches of {size}, {connections} at once: {cost.per_second:,.0f} events/s; "
                f"Python {cost.python:.1f} µs (reading {reading:.1f}), PostgreSQL {cost.postgres:.1f} µs an event",
                ("statement", "µs an event", "calls a flush"),
                [
                    (name, f"{each:.2f}", f"{calls:.2f}")
                    for name, (each, calls) in sorted(cost.statements.items(), key=lambda one: -one[1][0])
                    if each >= 0.05
                ],
            )
    save(options.json, figures)


@asynccontextmanager
async def opened() -> AsyncIterator[Parts]:
    """A fresh database and all of ingest but HTTP."""
    with EmbeddedPostgres.start(settings={"shared_preload_libraries": "pg_stat_statements"}) as postgres:
        await migrate.apply(postgres.owner_url)
        superuser = await asyncpg.connect(postgres.superuser_url)
        await superuser.execute("CREATE EXTENSION pg_stat_statements")
        database = await Database.connect(postgres.app_url)
        async with database.unbound() as connection:
            workspace_id = WorkspaceId(await connection.fetchval("SELECT cdp.create_workspace('bench')"))
        workspaces = Workspaces(database)
        accumulator = Accumulator(
            database,
            workspaces,
            make_kinds(),
            settings=Settings(),
            clock=_now,
            metrics=Metrics(),
            committed=lambda _workspace_id, _touched: None,
        )
        intake = Intake(accumulator, workspaces, clock=_now)
        yield Parts(postgres=postgres, superuser=superuser, intake=intake, workspace_id=workspace_id)
        await accumulator.aclose()
        await superuser.close()
        await database.close()


async def run(
    parts: Parts, count: int, *, size: int, people: int, seed: int, connections: int = CONNECTIONS
) -> Cost:
    """Send `count` events in batches of `size`, so many batches at once."""
    bodies = iter(list(batches(events(count, people=people, seed=seed), size)))
    await parts.superuser.execute("SELECT pg_stat_statements_reset()")

    async def client() -> None:
        for body in bodies:
            receipt = await parts.intake.take(parts.workspace_id, decode_batch(body))
            if receipt.refused or receipt.duplicates:
                raise SystemExit(f"Not everything was stored: {receipt}")

    backends = await parts.superuser.fetchval("SELECT array_agg(pid) FROM pg_stat_activity")
    served, used, began = _processor_time(backends), time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    backends = await parts.superuser.fetchval("SELECT array_agg(pid) FROM pg_stat_activity")
    rows = await parts.superuser.fetch(
        "SELECT query, calls, total_exec_time + total_plan_time AS total FROM pg_stat_statements "
        "WHERE toplevel AND total_exec_time > 0"
    )
    flushes = max((row["calls"] for row in rows if "INSERT INTO event_message" in row["query"]), default=1)
    statements: dict[str, tuple[float, float]] = {}
    for row in rows:
        name = NAMES.get(_first_line(row["query"]), _first_line(row["query"])[:40])
        each, calls = statements.get(name, (0.0, 0.0))
        statements[name] = (each + row["total"] * 1e3 / count, calls + row["calls"] / flushes)
    return Cost(
        per_second=count / seconds,
        python=used * 1e6 / count,
        postgres=(_processor_time(backends) - served) * 1e6 / count,
        statements=statements,
    )


def _reading(count: int, people: int) -> float:
    """Decoding and validating alone, in microseconds an event."""
    bodies = list(batches(events(count, people=people, seed=1), 500))
    validator, now = Validator(make_kinds(), "US"), _now()
    began = time.process_time()
    for body in bodies:
        batch = decode_batch(body)
        for item in batch.items:
            validator.check(item, batch, received_at=now, source="tracking")
    return (time.process_time() - began) * 1e6 / count


def _processor_time(pids: list[int]) -> float:
    """Seconds that these processes have worked so far, in hundredths."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / 100


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    asyncio.run(main())
