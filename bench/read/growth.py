"""How the cost of reading grows with the number of profiles: time in the database, and requests per second."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench.figures import save, show
from bench.http import run
from bench.read import dataset
from bench.read.cases import Case, cases_of, messages_of
from bench.read.peers import Server
from bench.read.rounds import CONNECTIONS, measure
from bench.server import make_workspace, serving
from cdp.db.embedded import EmbeddedPostgres

_STATISTICS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "top"}

_TIME = """
SELECT sum(s.total_exec_time) / sum(s.calls) FROM pg_stat_statements s WHERE s.query LIKE 'SELECT convert_to(%'
"""


_SORTED = Case(name="sorted", title="sorted by score", variables=({},), paged=True)


async def main(*, quick: bool, json: Path | None) -> None:
    """Grow one database step by step, and measure Diptych at each."""
    sizes = (10_000, 30_000) if quick else (10_000, 100_000, 1_000_000)
    rounds, seconds = (3, 1.0) if quick else (3, 3.0)
    rows: list[tuple[str, ...]] = []
    figures: dict[str, dict[str, Any]] = {"one": {}, "sorted": {}, "page": {}}
    with EmbeddedPostgres.start(settings=_STATISTICS) as postgres:
        key = make_workspace(postgres)
        have = 0
        for people in sizes:
            began = time.perf_counter()
            _, accounts, _ = await dataset.grow(postgres.superuser_url, have, people)
            print(
                f"{people:,} profiles after {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True
            )
            have = people
            async with serving(postgres, key) as served:
                server = Server(name="diptych", port=served.port, pid=served.pid, key=key)
                for case in (*cases_of(people, accounts), _SORTED):
                    if case.name in figures:
                        figures[case.name][str(people)] = await _measure(
                            postgres, server, case, rounds=rounds, seconds=seconds
                        )
    for case, of_size in figures.items():
        first = next(iter(of_size.values()))
        for people, found in of_size.items():
            rows.append(
                (
                    case,
                    f"{int(people):,}",
                    f"{found['database_ms']:.3f} ms",
                    f"{found['database_ms'] / first['database_ms']:.2f}",
                    f"{found['per_second']:,.0f}",
                    f"{found['p50_ms']:.2f} ms",
                    f"{found['p99_ms']:.2f} ms",
                )
            )
    show(
        f"Diptych as the number of profiles grows; {CONNECTIONS} connections, medians of {rounds} rounds",
        ("query", "profiles", "in the database", "× the first", "req/s", "p50", "p99"),
        rows,
    )
    save(json, figures)


async def _measure(
    postgres: EmbeddedPostgres, server: Server, case: Case, *, rounds: int, seconds: float
) -> dict[str, float]:
    messages, _ = await messages_of(case, server)
    results = await measure([server], {case.name: {server.name: messages}}, rounds=rounds, seconds=seconds)
    found = results[case.name][server.name]
    return {
        "database_ms": await _in_database(postgres, server, messages, rounds=rounds, seconds=seconds / 2),
        "per_second": found.per_second,
        "p50_ms": found.percentile(0.5),
        "p99_ms": found.percentile(0.99),
    }


async def _in_database(
    postgres: EmbeddedPostgres, server: Server, messages: list[bytes], *, rounds: int, seconds: float
) -> float:
    """Milliseconds of a request in the database, one request at a time."""
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        times = []
        for _ in range(rounds):
            await connection.execute("SELECT pg_stat_statements_reset()")
            await run(server.port, messages, connections=1, seconds=seconds)
            times.append(await connection.fetchval(_TIME))
        return median(times)
    finally:
        await connection.close()
