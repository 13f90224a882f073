"""Can this server do its work, and why not?

A check that fails takes the server out of service where another server, or a little time, may do better: no database,
a schema that does not fit, nothing that can be written. What is merely late or looks odd leaves it in service:
`degraded`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta

import asyncpg
import structlog
from msgspec import Struct

from cdp.db import migrate
from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import DiptychError
from cdp.web.metrics import Metrics

queries = load_queries("cdp.web", "health.sql")
log = structlog.get_logger(__name__)

WORKER_LAG = timedelta(minutes=1)
"""Roles and enrichment that are so much behind are worth a warning."""

CLOCK_SKEW = timedelta(seconds=5)
"""By so much the clocks of server and database may differ: times of events come from the one, leases from the other."""

PATIENCE = 3.0
"""Seconds until a database that does not answer counts as away."""

TROUBLE_SECONDS = 15.0
"""So long a failed write is held against a server; then the next one shows."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that must hold, and why it does not."""

    ok: bool
    reason: str | None = None
    fatal: bool = False
    """Whether the server cannot work without it."""


_STOPPED = {
    "DiskFullError": ": the database's disk is full",
    "PostgresIOError": ": the database cannot use its disk",
    "ReadOnlySQLTransactionError": ": the database is read-only",
    "OutOfMemoryError": ": the database has no memory",
}
"""Errors after which nothing can be stored until somebody does something."""

_SKIPPED = Check(ok=False, reason="The database is away, so that nobody can tell.")


class Readiness:
    """Examines the server; those who ask at the same time get one answer.

    Args:
        database: what must answer.
        metrics: what became of the last writes.
        clock: now.
    """

    def __init__(self, database: Database, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._running: asyncio.Task[dict[str, Check]] | None = None

    async def checks(self) -> dict[str, Check]:
        """Every check by its name."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._examine())
        return await asyncio.shield(self._running)

    async def _examine(self) -> dict[str, Check]:
        try:
            async with asyncio.timeout(PATIENCE), self._database.unbound() as connection:
                return {"database": Check(ok=True, fatal=True), **await self._look(connection)}
        except DiptychError as error:
            # What it says may name the place where the database lives, and anybody may ask here.
            log.warning("not_ready", reason=error.message)
            return _away(self._busy() or "The database cannot be reached; the log says why.")
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return _away(f"The database cannot be used ({type(error).__name__}).")
        except TimeoutError:
            return _away(self._busy() or f"The database does not answer within {PATIENCE:.0f} seconds.")

    def _busy(self) -> str | None:
        size, idle, most = self._database.connections()
        if size == most and not idle:
            return f"All {most} connections of this process are in use (CDP_POOL_SIZE)."
        return None

    async def _look(self, connection: Connection) -> dict[str, Check]:
        pending = await migrate.pending(connection)
        if pending:
            reason = f"{len(pending)} migrations are missing; run `cdp migrate`."
            return {"migrations": Check(ok=False, reason=reason, fatal=True)}
        asked = self._clock()
        standing = await connection.fetchrow(queries.standing, _months(asked))
        answered = self._clock()
        oldest = (await connection.fetchrow(queries.waiting))["oldest"]
        return {
            "migrations": await _migrations(connection),
            "writable": self._writable(read_only=standing["read_only"], standby=standing["standby"]),
            "partitions": _partitions(standing["missing_months"]),
            "clock": _clock(standing["now"], asked, answered),
            "worker": _worker(oldest, answered),
        }

    def _writable(self, *, read_only: bool, standby: bool) -> Check:
        reason, fatal = None, True
        if standby:
            reason = "The database is a standby and takes no writes; point DATABASE_URL at the primary."
        elif read_only:
            reason = "The database is read-only (default_transaction_read_only)."
        elif (trouble := self._metrics.trouble()) is not None and trouble[1] < TROUBLE_SECONDS:
            cause, seconds = trouble
            known = _STOPPED.get(cause)
            reason = f"Events could not be stored {seconds:.0f} seconds ago ({cause}{known or ''})."
            # A lock that was not had in time, a connection that broke: the next attempt may well succeed.
            fatal = known is not None
        return Check(ok=reason is None, reason=reason, fatal=fatal)


async def _migrations(connection: Connection) -> Check:
    """A schema that has grown since this server was made is fine; one that lacks what it uses is not."""
    unknown = await migrate.unknown(connection)
    if not unknown:
        return Check(ok=True, fatal=True)
    lost = [row for row in await connection.fetch(queries.contracts) if row["needs"] in unknown]
    if lost:
        return Check(
            ok=False,
            reason=f"The schema has moved on ({lost[0]['because']}); upgrade this server.",
            fatal=True,
        )
    reason = f"The schema is {len(unknown)} migrations ahead of this server: fine while you upgrade."
    return Check(ok=True, reason=reason, fatal=True)


def _partitions(missing: list[str]) -> Check:
    if not missing:
        return Check(ok=True)
    months = ", ".join(missing)
    return Check(
        ok=False,
        reason=f"Events of {months} have no partition; they are stored all the same. Is a worker running?",
    )


def _clock(theirs: datetime, asked: datetime, answered: datetime) -> Check:
    apart = timedelta(0)
    if theirs < asked:
        apart = asked - theirs
    elif theirs > answered:
        apart = theirs - answered
    if apart <= CLOCK_SKEW:
        return Check(ok=True)
    word = "ahead of" if theirs < asked else "behind"
    return Check(
        ok=False,
        reason=f"This server's clock is {apart.total_seconds():,.0f} seconds {word} the database's; is NTP running?",
    )


def _worker(oldest: datetime | None, now: datetime) -> Check:
    if oldest is None or now - oldest <= WORKER_LAG:
        return Check(ok=True)
    seconds = (now - oldest).total_seconds()
    return Check(
        ok=False, reason=f"Profiles wait to be settled for {seconds:,.0f} seconds; is a worker running?"
    )


def _away(reason: str) -> dict[str, Check]:
    return {
        "database": Check(ok=False, reason=reason, fatal=True),
        **dict.fromkeys(("migrations", "writable", "partitions", "clock", "worker"), _SKIPPED),
    }


def _months(now: datetime) -> list[date]:
    """This month and the next."""
    this = now.date().replace(day=1)
    return [this, (this + timedelta(days=32)).replace(day=1)]
