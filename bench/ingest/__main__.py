"""Events per second from socket to commit, and their ratio to bare COPY of the same rows, in one run.

    python -m bench.ingest --quick
    python -m bench.ingest --json ingest.json

Server, database and load generator share the machine. The peer is the lower bound of any durable ingest: the rows that
the run left in table `event`, copied in binary by one connection into a table of the same shape.
"""

from __future__ import annotations

import asyncio
import time

import asyncpg

from bench.figures import arguments, save, show
from bench.http import Load, request, run
from bench.server import Served, served
from bench.traffic import batches, events

_COLUMNS = (
    "workspace_id", "event_id", "occurred_at", "received_at", "message_id", "type", "name", "node_id", "account_id",
    "intent", "usage", "source", "properties", "context",
)  # fmt: skip


async def main() -> None:
    options = arguments("Events per second over HTTP against bare COPY of the same rows.")
    count, singles, people = (20_000, 1_000, 1_000) if options.quick else (200_000, 5_000, 10_000)
    async with served() as server:
        await _send(server, count // 10, size=100, people=people, seed=1, connections=8)
        rates: dict[int, Load] = {}
        for seed, size in enumerate((100, 500), start=2):
            rates[size] = await _send(server, count, size=size, people=people, seed=seed, connections=8)
        single = await _send(server, singles, size=1, people=people, seed=9, connections=32)
        copied = await _copy(server)
    per_second = {size: count / load.seconds for size, load in rates.items()}
    best = max(per_second.values())
    show(
        "Ingest over HTTP: decoded, deduplicated, attributed, both panels up to date, committed",
        ("batch", "events/s", "of bare COPY", "ack p50", "ack p99"),
        [
            *(
                (f"{size}", f"{per_second[size]:,.0f}", f"{per_second[size] / copied:.2f}", *_latency(load))
                for size, load in rates.items()
            ),
            ("1", f"{single.per_second:,.0f}", f"{single.per_second / copied:.2f}", *_latency(single)),
            ("bare COPY", f"{copied:,.0f}", "1.00", "", ""),
        ],
    )
    save(
        options.json,
        {
            "http_events_per_s": best,
            "copy_events_per_s": copied,
            "single_requests_per_s": single.per_second,
            "ratio_to_copy": best / copied,
        },
    )


async def _send(server: Served, count: int, *, size: int, people: int, seed: int, connections: int) -> Load:
    bodies = batches(events(count, people=people, seed=seed), size)
    load = await run(
        server.port,
        [request("POST", "/v1/batch", key=server.key, body=body) for body in bodies],
        connections=connections,
    )
    if set(load.statuses) != {200}:
        raise SystemExit(f"Not every batch was accepted: {load.statuses}")
    return load


async def _copy(server: Served) -> float:
    """Rows per second of COPY into a table like `event`, best of three."""
    connection = await asyncpg.connect(server.postgres.superuser_url)
    try:
        rows = await connection.fetch(f"SELECT {', '.join(_COLUMNS)} FROM event LIMIT 100000")
        records = [tuple(row) for row in rows]
        rates = []
        for _ in range(3):
            await connection.execute(
                "DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE event INCLUDING ALL)"
            )
            began = time.perf_counter()
            await connection.copy_records_to_table("bare", records=records, columns=_COLUMNS)
            rates.append(len(records) / (time.perf_counter() - began))
        return max(rates)
    finally:
        await connection.close()


def _latency(load: Load) -> tuple[str, str]:
    return f"{load.percentile(0.5):.1f} ms", f"{load.percentile(0.99):.1f} ms"


if __name__ == "__main__":
    asyncio.run(main())
