"""Reads over HTTP beside PostGraphile 5 and Strawberry with dataloaders, in one run on the same database.

    python -m bench.read --quick
    python -m bench.read --json read.json
    python -m bench.read --growth

docs/benchmarks.md says what is measured, and how the peers are given an honest chance.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import uvloop

from bench.figures import arguments, save, show
from bench.read import chart, dataset, growth
from bench.read.cases import Case, cases_of, requests_of
from bench.read.peers import all_three
from bench.read.rounds import CONNECTIONS, Results, measure
from bench.server import make_workspace
from cdp.db.embedded import EmbeddedPostgres

_CHART = Path("docs/benchmark-read.svg")
_ORDER = ("diptych", "postgraphile", "dataloaders")


async def main() -> None:
    options = arguments(
        "Reads over HTTP beside PostGraphile and dataloaders.",
        growth="how the cost grows from 10,000 to 1,000,000 profiles instead",
    )
    if options.growth:
        await growth.main(quick=options.quick, json=options.json)
        return
    people, rounds, seconds = (10_000, 3, 1.0) if options.quick else (100_000, 5, 4.0)
    with EmbeddedPostgres.start() as postgres:
        key = make_workspace(postgres)
        began = time.perf_counter()
        size = await dataset.grow(postgres.superuser_url, 0, people)
        said = "{:,} profiles, {:,} accounts, {:,} events".format(*size)
        print(f"{said}, made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        async with all_three(postgres, key) as servers:
            cases = cases_of(people, size[1])
            requests = {case.name: await requests_of(case, servers) for case in cases}
            results = await measure(servers, requests, rounds=rounds, seconds=seconds)
            memory = {server.name: server.memory() for server in servers}
    _report(cases, results, memory, said)
    rates = {case: {name: of[name].per_second for name in _ORDER} for case, of in results.items()}
    if not options.quick:
        note = f"{said}; {CONNECTIONS} connections; medians of {rounds} rounds; each server one process"
        chart.write(_CHART, {case.name: case.title for case in cases}, rates, note)
    save(options.json, rates)


def _report(cases: tuple[Case, ...], results: Results, memory: dict[str, float], said: str) -> None:
    rows = [
        (
            case.title if name == _ORDER[0] else "",
            name,
            f"{of[name].per_second:,.0f}",
            f"{of[name].per_second / of['postgraphile'].per_second:.2f}",
            f"{of[name].per_second / of['dataloaders'].per_second:.1f}",
            f"{of[name].percentile(0.5):.2f} ms",
            f"{of[name].percentile(0.99):.2f} ms",
            f"{memory[name]:.0f} MiB",
        )
        for case in cases
        for of in (results[case.name],)
        for name in _ORDER
    ]
    show(
        f"Reads over HTTP: {said}; {CONNECTIONS} connections, each server one process, medians",
        ("query", "server", "req/s", "÷ PostGraphile", "÷ dataloaders", "p50", "p99", "memory"),
        rows,
    )


if __name__ == "__main__":
    uvloop.run(main())
