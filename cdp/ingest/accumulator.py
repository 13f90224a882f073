"""The accumulator: many requests, one transaction (group commit).

Requests hand in events and wait. Per workspace, one transaction at a time takes what has come together: the first
request waits a few milliseconds for company, those that arrive while a transaction runs go into the next one. An answer
is given after the commit, so what is acknowledged is durable and visible.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from msgspec import Struct

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.identity.kinds import Kinds
from cdp.ingest.flush import Flush, Flusher, Load, Observer
from cdp.ingest.results import ItemResult, Refusal
from cdp.model import Event, ProfileId, WorkspaceId
from cdp.settings import Settings
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)


class _Pending(Struct, frozen=True, kw_only=True):
    """What one call handed in, and where its answer goes."""

    load: Load
    answer: asyncio.Future[list[ItemResult]]


class _Lane:
    """The queue of one workspace."""

    def __init__(self) -> None:
        self.pending: deque[_Pending] = deque()
        self.size = 0
        self.full = asyncio.Event()
        self.running: asyncio.Task[None] | None = None


class Accumulator:
    """Collects the events of every workspace of this process and commits them together.

    Args:
        database: where to.
        workspaces: settings and catalogues.
        kinds: identifier kinds, those of plugins included.
        settings: `flush_events`, `flush_delay_ms` and `queue_events`.
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
        self._flusher = Flusher(
            database, workspaces, kinds, clock=clock, observer=metrics, committed=committed
        )
        self._lanes: dict[WorkspaceId, _Lane] = {}
        self._queued = 0
        self._closing = False

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
        )
        if load.size == 0:
            return []
        if self._closing:
            raise Unavailable("The server is stopping; try again in a moment.")
        if self._queued and self._queued + load.size > self._settings.queue_events:
            self._observer.turned_away(load.size)
            raise Unavailable("Too many events are waiting to be stored; try again in a moment.")
        lane = self._lanes.setdefault(workspace_id, _Lane())
        answer: asyncio.Future[list[ItemResult]] = asyncio.get_running_loop().create_future()
        lane.pending.append(_Pending(load=load, answer=answer))
        lane.size += load.size
        self._count(load.size)
        if lane.size >= self._settings.flush_events:
            lane.full.set()
        if lane.running is None:
            lane.running = asyncio.create_task(self._run(workspace_id, lane), name=f"flush-{workspace_id}")
        return await answer

    async def aclose(self) -> None:
        """Refuse what is new, commit what was accepted."""
        self._closing = True
        for lane in self._lanes.values():
            lane.full.set()
        while running := [lane.running for lane in self._lanes.values() if lane.running is not None]:
            await asyncio.gather(*running)

    async def _run(self, workspace_id: WorkspaceId, lane: _Lane) -> None:
        """Flush until the lane is empty."""
        try:
            async with asyncio.timeout(self._settings.flush_delay_ms / 1000):
                await lane.full.wait()
        except TimeoutError:
            pass  # no more company came
        while lane.pending:
            group = self._take(lane)
            try:
                await self._flush(workspace_id, group)
            finally:
                self._count(-sum(pending.load.size for pending in group))
        lane.running = None
        if not self._closing:
            del self._lanes[workspace_id]

    def _take(self, lane: _Lane) -> list[_Pending]:
        """What goes into the next transaction: at least one call, and no more than `flush_events` otherwise."""
        group = [lane.pending.popleft()]
        size = group[0].load.size
        while lane.pending and size + lane.pending[0].load.size <= self._settings.flush_events:
            group.append(lane.pending.popleft())
            size += group[-1].load.size
        lane.size -= size
        if lane.size < self._settings.flush_events and not self._closing:
            lane.full.clear()
        return group

    async def _flush(self, workspace_id: WorkspaceId, group: Sequence[_Pending]) -> None:
        flush = Flush(workspace_id, [pending.load for pending in group])
        try:
            answers = await self._flusher.run(flush)
        except BaseException as error:
            for pending in group:
                if not pending.answer.done():
                    pending.answer.set_exception(
                        error if isinstance(error, Exception) else Unavailable("The server is stopping.")
                    )
            if isinstance(error, Exception):
                log.error(  # noqa: TRY400 - a traceback may quote somebody's data
                    "flush_failed", workspace_id=workspace_id, error=type(error).__name__
                )
                return
            raise
        for pending, answer in zip(group, answers, strict=True):
            if pending.answer.done():
                continue  # its caller went away; the events are stored all the same
            if isinstance(answer, Exception):
                pending.answer.set_exception(answer)
            else:
                pending.answer.set_result(answer)

    def _count(self, events: int) -> None:
        self._queued += events
        self._observer.queued(self._queued)
