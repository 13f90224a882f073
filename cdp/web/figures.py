"""Figures of the database, for those who look at `/metrics`: asked for when somebody looks, and not too often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import asyncpg
import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from cdp.db.pool import Connection, Database
from cdp.errors import DiptychError
from cdp.web.readiness import queries

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0
"""Whoever looks again sooner sees the same figures."""

_PATIENCE = 3.0

_GAUGES = (
    ("connections", "cdp_database_connections", "Connections that the server has to this database."),
    ("most_connections", "cdp_database_most_connections", "Connections that the server allows."),
    ("bytes", "cdp_database_bytes", "Size of the database."),
    (
        "oldest_transaction_id",
        "cdp_database_oldest_transaction_id",
        "Transactions since the oldest row that is not frozen; PostgreSQL stops at two thousand million.",
    ),
    ("lock_waits", "cdp_database_lock_waits", "Sessions that wait for a lock."),
    (
        "longest_transaction",
        "cdp_database_longest_transaction_seconds",
        "Age of the oldest open transaction, of those that may be seen (GRANT pg_read_all_stats).",
    ),
)
_COUNTERS = (
    ("commits", "cdp_database_commits", "Transactions committed."),
    ("rollbacks", "cdp_database_rollbacks", "Transactions undone."),
    ("deadlocks", "cdp_database_deadlocks", "Deadlocks."),
    ("blocks_hit", "cdp_database_blocks_hit", "Blocks found in memory."),
    ("blocks_read", "cdp_database_blocks_read", "Blocks read from disk or the system's cache."),
    ("temp_bytes", "cdp_database_temp_bytes", "Bytes written to temporary files."),
)


class DatabaseFigures:
    """Samples the database.

    Args:
        database: which.
        clock: the current time, to compare with the database's.
        monotonic: tells how old a sample is.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._sampled_at: float | None = None
        self._held: list[Metric] = []

    async def families(self) -> list[Metric]:
        """What is known of the database, `cdp_database_up` at least."""
        async with self._turn:
            now = self._monotonic()
            if self._sampled_at is None or now - self._sampled_at >= FRESH_SECONDS:
                self._held = await self._sample()
                self._sampled_at = now
            return self._held

    async def _sample(self) -> list[Metric]:
        try:
            async with asyncio.timeout(_PATIENCE), self._database.unbound() as connection:
                found = [*await self._server(connection), *await _tables(connection)]
        except (DiptychError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            log.warning("database_tells_no_figures", error=type(error).__name__)
            return [_up(0)]
        return [_up(1), *found]

    async def _server(self, connection: Connection) -> Iterable[Metric]:
        row = await connection.fetchrow(queries.server_figures)
        standing = await connection.fetchrow(queries.standing, [])
        skew = (self._clock() - standing["now"]).total_seconds()
        waiting = await connection.fetchrow(queries.waiting)
        lag = 0.0 if waiting["oldest"] is None else (standing["now"] - waiting["oldest"]).total_seconds()
        metrics: list[Metric] = [
            GaugeMetricFamily(name, says, value=float(row[column]))
            for column, name, says in _GAUGES
            if row[column] is not None
        ]
        metrics += [
            CounterMetricFamily(name, says, value=float(row[column])) for column, name, says in _COUNTERS
        ]
        return [
            *metrics,
            GaugeMetricFamily(
                "cdp_clock_skew_seconds", "By how much our clock is ahead of the database's.", value=skew
            ),
            GaugeMetricFamily(
                "cdp_settle_waiting", "Profiles that are due to be settled.", value=waiting["waiting"]
            ),
            GaugeMetricFamily(
                "cdp_settle_lag_seconds", "For how long the first of them has been due.", value=max(0.0, lag)
            ),
            GaugeMetricFamily(
                "cdp_reclassifications",
                "Changes of catalogues whose history is being rewritten.",
                value=waiting["reclassifying"],
            ),
        ]


async def _tables(connection: Connection) -> Iterable[Metric]:
    sizes = GaugeMetricFamily("cdp_table_bytes", "Size of a table.", labels=["table", "part"])
    rows = GaugeMetricFamily(
        "cdp_table_rows", "Rows of a table by PostgreSQL's own estimate.", labels=["table", "state"]
    )
    for row in await connection.fetch(queries.table_figures):
        sizes.add_metric([row["name"], "table"], row["table_bytes"])
        sizes.add_metric([row["name"], "indexes"], row["index_bytes"])
        rows.add_metric([row["name"], "live"], row["live"])
        rows.add_metric([row["name"], "dead"], row["dead"])
    return [sizes, rows]


def _up(value: float) -> Metric:
    return GaugeMetricFamily("cdp_database_up", "1 while the database answers.", value=value)
