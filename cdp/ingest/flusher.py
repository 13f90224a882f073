"""Running a flush: store what came together, try again where that helps, single out what cannot be stored."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from cdp.db.pool import Connection, Database
from cdp.errors import DiptychError, Unavailable
from cdp.identity.kinds import Kinds
from cdp.ingest import refused, transaction
from cdp.ingest.apart import Names, apart
from cdp.ingest.failures import Verdict, judge, outage
from cdp.ingest.flush import Flush, Observer
from cdp.ingest.outage import Outage
from cdp.ingest.poison import Poison
from cdp.ingest.results import DUPLICATE, STORED
from cdp.model import Event, ProfileId, WorkspaceId
from cdp.telemetry import count, described
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

SIFTING = 1.0
"""Seconds that one flush searches for events that cannot be stored, before others have their turn."""

SIFTING_TRIES = 100
"""Transactions that it does so with at most."""

MOST_RACES = 2
"""Violated constraints after which it is taken for an event's fault, and not for two processes in each other's way."""

PARTS = 2
"""Transactions at once for one flush: while PostgreSQL works for one, this process works for the other."""

WORTH_PARTING = 100
"""Events from which on a flush is parted: every transaction has a cost of its own."""

_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds before the second, third, … and last try; each is shortened at random by up to a half."""


class Flusher:
    """Runs flushes against one database."""

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        kinds: Kinds,
        *,
        clock: Callable[[], datetime],
        observer: Observer,
        committed: Callable[[WorkspaceId, frozenset[ProfileId]], None],
        outage: Outage,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._kinds = kinds
        self._clock = clock
        self._observer = observer
        self._committed = committed
        self._outage = outage
        self._poison = Poison()
        self._names: dict[WorkspaceId, Names] = {}

    async def run(self, flush: Flush) -> DiptychError | None:
        """Store everything that can be stored; what became of each item is noted in its job.

        Jobs that are not done afterwards have the answer to blame; where it is None, what is left takes more than one
        flush.
        """
        started = time.monotonic()
        error: DiptychError | None = None
        try:
            await self._sift(flush)
        except DiptychError as failure:
            error = failure
        self._observer.flushed(flush.report(time.monotonic() - started, error))
        return error

    async def _sift(self, flush: Flush) -> None:
        """Store the events in their order; where one cannot be stored, halve the steps until it stands alone.

        Raises:
            DiptychError: nobody is to blame, and it cannot be done now.
        """
        self._recall(flush)
        await self._store_apart(flush)
        end = step = len(flush.events)
        position, bad_before, until = 0, 0, 0.0
        while position < end or flush.refusals():
            if until and (time.monotonic() > until or flush.tries > SIFTING_TRIES):
                break
            stop = min(position + step, end)
            error = await self._try(flush, position, stop)
            if error is None:
                position = stop
                # Somebody before `bad_before` cannot be stored; beyond it nothing is known.
                step = max(1, (bad_before - position) // 2) if position < bad_before else step * 2
            elif stop == position:
                raise Unavailable("The refused events could not be kept; try again in a moment.") from error
            else:
                until = until or time.monotonic() + SIFTING
                if stop - position == 1:
                    log.warning("event_refused", workspace_id=flush.workspace_id, **described(error))
                    flush.condemn(position, error)
                    position = stop
                bad_before, step = stop, max(1, (stop - position) // 2)
        await self._keep_condemned(flush)

    async def _store_apart(self, flush: Flush) -> None:
        """Store large flushes in parts that have nothing to do with each other, at once; what cannot be stored is left.

        Raises:
            DiptychError: it cannot be done now, and nobody is to blame.
        """
        if len(flush.events) < WORTH_PARTING or flush.refusals():
            return
        names = self._names.setdefault(flush.workspace_id, Names())
        ranges = flush.arrange(apart(flush.events, PARTS, names))
        failures: list[DiptychError] = []

        async def part(start: int, end: int) -> None:
            try:
                await self._try(flush, start, end)
            except DiptychError as failure:
                failures.append(failure)

        async with asyncio.TaskGroup() as group:
            for start, end in ranges:
                group.create_task(part(start, end))
        if failures:
            raise failures[0]
        names.remember(flush.events)
        flush.leave(flush.undecided())

    def _recall(self, flush: Flush) -> None:
        """Take out what was refused lately, and is kept."""
        if not len(self._poison):
            return
        left: list[int] = []
        for position, event in enumerate(flush.events):
            job, index = flush.places[position]
            refusal = self._poison.recall(flush.workspace_id, event) if job.load.keep else None
            if refusal is None:
                left.append(position)
            else:
                flush.refuse(job, index, refusal)
        flush.leave(left)

    async def _keep_condemned(self, flush: Flush) -> None:
        """Keep what was singled out.

        Raises:
            Unavailable: that cannot be done now.
        """
        if not flush.condemned:
            return
        kept = [one.kept for one in flush.condemned if one.job.load.keep]

        async def keep() -> None:
            async with self._database.transaction(flush.workspace_id) as connection:
                await refused.keep(connection, flush.workspace_id, kept)

        failure = await self._repeat(flush, keep) if kept else None
        if failure is not None:
            raise Unavailable("A refused event could not be kept; try again in a moment.") from failure
        for one in flush.condemned:
            if one.job.load.keep:
                self._poison.remember(flush.workspace_id, one.job.load.events[one.index], one.kept.refusal)
        flush.condemned_are_kept()

    async def _try(self, flush: Flush, start: int, end: int) -> Exception | None:
        """One transaction, repeated where that helps; the answer is the error that one of the events causes.

        Raises:
            DiptychError: nobody is to blame, and it cannot be done now.
        """
        events = flush.events[start:end]

        async def work() -> None:
            async with self._database.transaction(flush.workspace_id, keep_plans=True) as connection:
                await refused.keep(connection, flush.workspace_id, flush.refusals())
                stored = await self._store(connection, flush, events)
            flush.refusals_are_kept()
            flush.decide(start, [STORED if fresh else DUPLICATE for fresh in stored.fresh])
            if stored.touched:
                self._committed(flush.workspace_id, stored.touched)

        return await self._repeat(flush, work)

    async def _store(
        self, connection: Connection, flush: Flush, events: Sequence[Event]
    ) -> transaction.Stored:
        await transaction.lock(connection, flush.workspace_id)
        workspace = await self._workspaces.fresh(connection, flush.workspace_id)
        return await transaction.store(connection, workspace, events, self._kinds, self._clock())

    async def _repeat(self, flush: Flush, work: Callable[[], Awaitable[None]]) -> Exception | None:
        """Do it until it succeeds (None) or fails by the fault of an event (the error).

        Raises:
            DiptychError: it fails by nobody's fault, and time is up or another try would not help.
        """
        loop = asyncio.get_running_loop()
        races = 0
        for pause in (*_PAUSES, None):
            flush.tries += 1
            try:
                async with asyncio.timeout_at(flush.until):
                    await work()
            except Exception as error:
                verdict = judge(error)
                races += verdict is Verdict.PERHAPS_AGAIN
                if verdict is Verdict.EVENT or races > MOST_RACES:
                    return error
                count("flush.again", type(error).__name__)
                log.warning("flush_failed", workspace_id=flush.workspace_id, **described(error))
                if verdict is Verdict.SYSTEM and isinstance(error, DiptychError):
                    raise
                if verdict is Verdict.SYSTEM or pause is None or loop.time() + pause > flush.until:
                    if (reason := outage(error)) is not None:
                        self._outage.begin(reason)
                    raise Unavailable("The events cannot be stored now; try again in a moment.") from error
                flush.retries += 1
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - it only spreads tries in time
            else:
                self._outage.end()
                return None
        raise AssertionError("the last try either succeeds or raises")
