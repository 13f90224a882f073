"""The accumulator: many requests, one transaction (group commit).

Requests hand in events and wait. Per workspace, one transaction at a time takes what has come together: the first
request waits a moment for company if there lately was any, those that arrive while a transaction runs go into the next
one. Workspaces take turns. An answer is given after the commit, so what is acknowledged is durable and visible.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import structlog

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.identity.kinds import Kinds
from cdp.ingest.flush import Flush, Job, Load, Observer
from cdp.ingest.flusher import Flusher
from cdp.ingest.lanes import Lane, Occupied
from cdp.ingest.outage import Outage
from cdp.ingest.results import ItemResult, Refusal
from cdp.model import Event, ProfileId, WorkspaceId
from cdp.settings import Settings
from cdp.telemetry import count, here, stage, took
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

PATIENCE = 8.0
"""Seconds until a caller is told to come again: most clients give up after ten."""

LEAST = 2.0
"""Seconds that a flush may take in any case, however long its calls have waited."""

QUEUE_SECONDS = 3.0
"""For how long a workspace's events may have to wait by what its last flushes took: what comes then is refused."""

QUEUE_LEAST = 2
"""Full flushes that may wait in any case."""

SHARED = 8
"""While several workspaces send, a flush is so much smaller: nobody's turn is long in coming."""

LATELY = 1.0
"""Seconds after its last call for which a workspace counts as sending."""

TURN_SECONDS = 0.03
"""A flush that takes longer, be it that it waits for a lock, no longer keeps others from beginning."""


class Accumulator:
    """Collects the events of every workspace of this process and commits them together.

    Args:
        database: where to.
        workspaces: settings and catalogues.
        kinds: identifier kinds, those of plugins included.
        settings: `flush_events`, `flush_delay_ms`, `flushes`, `queue_events` and `queue_bytes`.
        clock: now.
        metrics: told about every flush and about the queue.
        committed: called after each commit with the profiles that it touched.
    """

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        kinds: Kinds,
        *,
        settings: Settings,
        clock: Callable[[], datetime],
        metrics: Observer,
        committed: Callable[[WorkspaceId, frozenset[ProfileId]], None],
    ) -> None:
        self.kinds = kinds
        self._settings = settings
        self._clock = clock
        self._observer = metrics
        self._outage = Outage(lambda: asyncio.get_running_loop().time())
        self._flusher = Flusher(
            database,
            workspaces,
            kinds,
            clock=clock,
            observer=metrics,
            committed=committed,
            outage=self._outage,
        )
        self._lanes: dict[WorkspaceId, Lane] = {}
        # First come, first served: lanes that have more to do line up again after each flush. Flushes keep a core of
        # the database busy each, and run no faster all together than one after the other.
        self._turns = asyncio.Semaphore(max(1, (os.cpu_count() or 1) // 2 // settings.workers))
        self._slots = asyncio.Semaphore(settings.flushes)
        self._queued = 0
        self._queued_bytes = 0
        self._flushing = 0
        self._closing = False

    @property
    def occupied(self) -> Occupied:
        """How full the queue is, and how many flushes are under way."""
        return Occupied(events=self._queued, size_bytes=self._queued_bytes, flushes=self._flushing)

    async def submit(
        self,
        workspace_id: WorkspaceId,
        events: Sequence[Event],
        refusals: Sequence[Refusal] = (),
        *,
        body_of: Callable[[int], bytes] | None = None,
        source: str = "tracking",
        received_at: datetime | None = None,
        keep: bool = True,
        size_bytes: int = 0,
    ) -> list[ItemResult]:
        """Store events and keep refusals; returns what became of each event once that is durable.

        Args:
            workspace_id: whose they are.
            events: in the order of arrival.
            refusals: items that were refused already.
            body_of: gives an event, by its index, as it arrived, in case the database refuses it; None: written anew.
            source: where they came from.
            received_at: when they came, if that is not now.
            keep: whether events that the database refuses are kept; False where they are kept already.
            size_bytes: about how much they hold, as JSON text.

        Raises:
            Unavailable: the queue is full, the database is away, or the process is stopping. Nothing is acknowledged;
                what was stored nevertheless is known by its message id when it comes again.
        """
        load = Load(
            events=tuple(events),
            refusals=tuple(refusals),
            body_of=body_of,
            source=source,
            received_at=received_at or self._clock(),
            keep=keep,
            size_bytes=size_bytes,
        )
        if load.size == 0:
            return []
        lane = self._lane(workspace_id)
        self._admit(load, lane)
        lane.mean += 0.1 * (load.size - lane.mean)
        loop = asyncio.get_running_loop()
        lane.called_at = loop.time()
        job = Job(load, loop.create_future(), until=loop.time() + PATIENCE, here=here())
        self._count(lane, load, 1)
        self._queue(lane, [job])
        if lane.running is None:
            lane.running = asyncio.create_task(self._run(workspace_id, lane), name=f"flush-{workspace_id}")
        return await job.answer

    @contextmanager
    def admitting(self, workspace_id: WorkspaceId) -> Iterator[None]:
        """Let a request in that will `submit`, before its body is read, and count it until it has been answered.

        Raises:
            Unavailable: as `submit` would, if it brings as many events as its workspace's last ones did.
        """
        lane = self._lane(workspace_id)
        if self._closing or self._outage.refusing or (lane.calls + 1) * lane.mean > self._most(lane):
            count("request.shed", "queue")
            raise Unavailable("Too many events are waiting to be stored; try again in a moment.")
        lane.calls += 1
        try:
            yield
        finally:
            lane.calls -= 1

    async def aclose(self) -> None:
        """Refuse what is new, commit what was accepted."""
        self._closing = True
        for lane in self._lanes.values():
            lane.enough.set()
        while running := [lane.running for lane in self._lanes.values() if lane.running is not None]:
            await asyncio.gather(*running)

    def _lane(self, workspace_id: WorkspaceId) -> Lane:
        lane = self._lanes.get(workspace_id)
        if lane is None:
            lane = self._lanes[workspace_id] = Lane()
        return lane

    def _admit(self, load: Load, lane: Lane) -> None:
        """Do nothing if there is room: a workspace may hold as much of the queue as is free beyond it.

        So one that floods fills half of it, two a third each, and for others there always is room.

        Raises:
            Unavailable: there is none, or the database is away, or the process is stopping.
        """
        if self._closing:
            raise Unavailable("The server is stopping; try again in a moment.")
        settings = self._settings
        free = settings.queue_events - self._queued
        free_bytes = settings.queue_bytes - self._queued_bytes
        if self._outage.refusing:
            reason = "The database cannot be written to; try again in a moment."
        elif self._queued and (
            load.size > free
            or load.size_bytes > free_bytes
            or (lane.held and lane.held + load.size > free)
            or lane.events > self._most(lane)
        ):
            reason = "Too many events are waiting to be stored; try again in a moment."
        else:
            return
        self._observer.turned_away(load.size)
        raise Unavailable(reason)

    def _most(self, lane: Lane) -> float:
        """Events that may be under way in a lane; as long as nothing has had to wait, nobody knows what is too much."""
        if not lane.rate:
            return float(self._settings.queue_events)
        return max(QUEUE_LEAST * self._settings.flush_events, lane.rate * QUEUE_SECONDS)

    async def _run(self, workspace_id: WorkspaceId, lane: Lane) -> None:
        """Flush until the lane is empty."""
        # It serves many requests: what it logs is not said under the id of the one that happened to start it.
        structlog.contextvars.clear_contextvars()
        while lane.pending or lane.suspects:
            await self._gather(lane)
            async with self._slots:
                await self._turns.acquire()
                self._flushing += 1
                flushing = asyncio.ensure_future(self._flush(workspace_id, lane, self._take(lane)))
                try:
                    await asyncio.wait({flushing}, timeout=TURN_SECONDS)
                finally:
                    self._turns.release()
                    try:
                        await flushing
                    finally:
                        self._flushing -= 1
        lane.running = None

    async def _gather(self, lane: Lane) -> None:
        """Wait a moment for as much company as there was the last time."""
        if lane.company > 1 and not lane.enough.is_set() and not lane.suspects:
            try:
                async with asyncio.timeout(self._settings.flush_delay_ms / 1000):
                    await lane.enough.wait()
            except TimeoutError:
                pass  # no more came

    def _take(self, lane: Lane) -> list[Job]:
        """What goes into the next transaction."""
        most = self._settings.flush_events
        lately = asyncio.get_running_loop().time() - LATELY
        if any(other is not lane and other.called_at > lately for other in self._lanes.values()):
            most = max(1, most // SHARED)
        jobs = lane.take(most)
        self._look(lane)
        return jobs

    async def _flush(self, workspace_id: WorkspaceId, lane: Lane, jobs: Sequence[Job]) -> None:
        now = asyncio.get_running_loop().time()
        for job in jobs:
            took("ingest.wait", now + PATIENCE - job.until)
        late = [job for job in jobs if job.until < now]
        self._answer(lane, late, Unavailable("It took too long until it was these events' turn."))
        jobs = [job for job in jobs if job.until >= now]
        if not jobs:
            return
        flush = Flush(workspace_id, jobs, until=max(jobs[0].until, now + LEAST))
        error: Exception | None
        try:
            with stage("flush", links=[job.here for job in jobs], events=len(flush.events)):
                error = await self._flusher.run(flush)
        except Exception as failure:  # noqa: BLE001 - it is handed on to everyone who waits
            log.error(  # noqa: TRY400 - a traceback may quote somebody's data
                "flush_failed", workspace_id=workspace_id, error=type(failure).__name__
            )
            error = failure
        except BaseException:
            self._answer(lane, jobs, Unavailable("The server is stopping."))
            raise
        else:
            if lane.pending:
                rate = len(flush.events) / max(asyncio.get_running_loop().time() - now, 1e-3)
                lane.rate = 0.7 * lane.rate + 0.3 * rate if lane.rate else rate
        if error is None:
            # Too much of it cannot be stored: those who have a part in that wait for each other, the rest goes on.
            now = asyncio.get_running_loop().time()
            left = [job for job in jobs if not job.done and job.until > now]
            lane.suspects.extend(job for job in left if job.bad)
            self._queue(lane, [job for job in left if not job.bad], first=True)
            jobs = [job for job in jobs if job.done or job.until <= now]
        self._answer(lane, jobs, error)

    def _answer(self, lane: Lane, jobs: Iterable[Job], error: Exception | None) -> None:
        """Tell the callers; those whose events are not all decided get the error."""
        for job in jobs:
            self._count(lane, job.load, -1)
            if job.answer.done():
                continue  # its caller went away; the events are stored all the same
            if job.done:
                job.answer.set_result([result for result in job.results if result is not None])
            else:
                job.answer.set_exception(
                    error or Unavailable("Too many of the events could not be stored; try again in a moment.")
                )

    def _queue(self, lane: Lane, jobs: Sequence[Job], *, first: bool = False) -> None:
        if first:
            lane.pending.extendleft(reversed(jobs))
        else:
            lane.pending.extend(jobs)
        lane.events += sum(job.load.size for job in jobs)
        self._look(lane)

    def _look(self, lane: Lane) -> None:
        """See whether there is enough for a flush."""
        if (
            self._closing
            or lane.events >= self._settings.flush_events
            or len(lane.pending) >= max(1, lane.company)
        ):
            lane.enough.set()
        else:
            lane.enough.clear()

    def _count(self, lane: Lane, load: Load, sign: int) -> None:
        lane.held += sign * load.size
        self._queued += sign * load.size
        self._queued_bytes += sign * load.size_bytes
        self._observer.queued(self._queued)
