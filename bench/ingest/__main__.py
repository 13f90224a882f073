"""Events per second from socket to commit, and their ratio to bare COPY of the same rows, in one run.

    python -m bench.ingest --quick
    python -m bench.ingest --json ingest.json

Server, database and load generator share the machine; docs/benchmarks.md says what is measured.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench import drawing
from bench.figures import arguments, save, show
from bench.ingest.copying import copied_per_second
from bench.ingest.measuring import Bench, Measured
from bench.server import served

_CHART = Path("docs/benchmark-ingest.svg")

_QUICK = {
    1: (1_000, (32,)),
    10: (5_000, (16,)),
    100: (12_000, (4, 16)),
    500: (20_000, (8,)),
    1000: (20_000, (8,)),
}
_FULL = {
    1: (8_000, (8, 32, 128)),
    10: (40_000, (4, 16, 64)),
    100: (120_000, (2, 8, 32)),
    500: (120_000, (2, 8, 16)),
    1000: (120_000, (2, 8, 16)),
}
"""Batch size → how many events, over which numbers of connections."""

_SDK_BATCH = 100
"""What the tracking SDKs put into a batch while they are busy."""


async def main() -> None:
    options = arguments("Events per second over HTTP against bare COPY of the same rows.")
    plan = _QUICK if options.quick else _FULL
    people, seconds = (2_000, 5.0) if options.quick else (20_000, 20.0)
    async with served() as server:
        bench = Bench(server, people=people)
        await bench.full_speed(_SDK_BATCH, 8, 10_000)
        runs = [
            await bench.full_speed(size, connections, count)
            for size, (count, of) in plan.items()
            for connections in of
        ]
        best = max((run for run in runs if run.size >= 100), key=lambda run: run.events_per_second)
        single = max((run for run in runs if run.size == 1), key=lambda run: run.events_per_second)
        halves = [
            await bench.steadily(
                size, per_second=peak.events_per_second / 2, seconds=seconds, connections=128
            )
            for size, peak in ((_SDK_BATCH, best), (1, single))
        ]
        copied, encoding = await copied_per_second(server.postgres.superuser_url, most=200_000)
    _report(runs, halves, copied, encoding)
    if not options.quick:
        _draw(runs, copied, best)
    half, half_single = halves
    save(
        options.json,
        {
            "http_events_per_s": best.events_per_second,
            "copy_events_per_s": copied,
            "ratio_to_copy": best.events_per_second / copied,
            "single_requests_per_s": single.load.per_second,
            "ack_p50_ms_half_load": half.load.percentile(0.5),
            "ack_p99_ms_half_load": half.load.percentile(0.99),
            "single_ack_p50_ms_half_load": half_single.load.percentile(0.5),
            "single_ack_p99_ms_half_load": half_single.load.percentile(0.99),
            "refused_half_load": half.refused + half_single.refused,
            "server_memory_mib": max(run.cost.server.memory_mib for run in runs),
            "postgres_memory_mib": max(run.cost.postgres.memory_mib for run in runs),
            "runs": [
                {
                    "batch": run.size,
                    "connections": run.connections,
                    "events_per_s": run.events_per_second,
                    "p50_ms": run.load.percentile(0.5),
                    "p99_ms": run.load.percentile(0.99),
                    "refused": run.refused,
                }
                for run in runs
            ],
        },
    )


def _report(runs: list[Measured], halves: list[Measured], copied: float, encoding: str) -> None:
    show(
        "Ingest over HTTP: decoded, deduplicated, attributed, both panels up to date, committed",
        ("batch", "connections", "events/s", "of COPY", "p50", "p99", "refused", *_COSTS),
        [
            *((f"{run.size}", f"{run.connections}", *_rate(run, copied), *_cost(run)) for run in runs),
            (f"COPY, {encoding}", "1", f"{copied:,.0f}", "1.00", *[""] * (3 + len(_COSTS))),
        ],
    )
    show(
        "At half load: requests at random moments, latency from the moment at which each was due",
        ("batch", "events/s", "p50", "p99", "longest", "refused", *_COSTS),
        [
            (
                f"{run.size}",
                f"{run.events_per_second:,.0f}",
                f"{run.load.percentile(0.5):.1f} ms",
                f"{run.load.percentile(0.99):.1f} ms",
                f"{max(run.load.latencies_ms):.1f} ms",
                f"{run.refused}",
                *_cost(run),
            )
            for run in halves
        ],
    )


_COSTS = ("µs server", "µs PostgreSQL", "µs generator", "MiB server", "MiB PostgreSQL")
"""CPU an event, and memory."""


def _rate(run: Measured, copied: float) -> tuple[str, ...]:
    return (
        f"{run.events_per_second:,.0f}",
        f"{run.events_per_second / copied:.2f}",
        f"{run.load.percentile(0.5):.1f} ms",
        f"{run.load.percentile(0.99):.1f} ms",
        f"{run.refused}",
    )


def _cost(run: Measured) -> tuple[str, ...]:
    return (
        f"{run.cpu_us(run.cost.server.cpu_seconds):.0f}",
        f"{run.cpu_us(run.cost.postgres.cpu_seconds):.0f}",
        f"{run.cpu_us(run.cost.generator):.0f}",
        f"{run.cost.server.memory_mib:.0f}",
        f"{run.cost.postgres.memory_mib:.0f}",
    )


def _draw(runs: list[Measured], copied: float, best: Measured) -> None:
    quickest: dict[int, Measured] = {}
    for run in runs:
        if run.size not in quickest or run.events_per_second > quickest[run.size].events_per_second:
            quickest[run.size] = run
    drawing.bars(
        _CHART,
        title="Events per second over HTTP, and bare COPY of the same rows",
        bars=[
            *(
                drawing.Bar(
                    f"batches of {size}" if size > 1 else "one a request",
                    run.events_per_second,
                    f"{run.events_per_second:,.0f}/s ({run.events_per_second / copied:.2f}×)",
                )
                for size, run in quickest.items()
            ),
            drawing.Bar("bare COPY", copied, f"{copied:,.0f}/s", drawing.PEER),
        ],
        note=f"{datetime.now(UTC):%d %B %Y}; server, PostgreSQL and load generator on the same two cores; "
        f"the quickest number of connections of each; {best.cost.server.memory_mib:.0f} MiB server",
    )


if __name__ == "__main__":
    began = time.perf_counter()
    uvloop.run(main())
    print(f"\nin {time.perf_counter() - began:.0f} s")
