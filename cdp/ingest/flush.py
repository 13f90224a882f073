"""One flush: store what came together, try again where that helps, and single out the event that cannot be stored."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import structlog
from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.errors import DiptychError, Unavailable
from cdp.identity.kinds import Kinds
from cdp.ingest import refused, transaction
from cdp.ingest.failures import Verdict, judge, sentence
from cdp.ingest.results import DUPLICATE, STORED, ItemResult, Outcome, Refusal
from cdp.model import Event, ProfileId, WorkspaceId
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

PATIENCE = 8.0
"""Seconds that a flush may take, all its tries together: most clients give up after ten."""

MOST_BAD_EVENTS = 16
"""Events that one flush singles out; where there are more, something else is wrong."""

MOST_RACES = 2
"""Violated constraints after which it is taken for an event's fault, and not for two processes in each other's way."""

_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds before the second, third, … and last try; each is shortened at random by up to a half."""


class Load(Struct, frozen=True, kw_only=True):
    """What one call handed in."""

    events: tuple[Event, ...]
    refusals: tuple[Refusal, ...]
    body_of: Callable[[int], bytes] | None
    source: str
    received_at: datetime
    keep: bool = True
    """Whether events that the database refuses are kept; False where they are kept already."""

    @property
    def size(self) -> int:
        """Items, as the limits count them."""
        return len(self.events) + len(self.refusals)

    def body(self, index: int) -> bytes:
        """The event as it arrived, or as it would have."""
        return self.body_of(index) if self.body_of else refused.as_batch(self.events[index])


class FlushReport(Struct, frozen=True, kw_only=True):
    """What one flush did, for the metrics."""

    events: int
    seconds: float
    tries: int
    stored: int
    duplicates: int
    refused: Mapping[str, int]
    """By code."""
    unanswered: int
    """Events whose senders were told to come again."""


class Observer(Protocol):
    """Who is told how it goes."""

    def flushed(self, report: FlushReport) -> None:
        """A flush has ended."""

    def queued(self, events: int) -> None:
        """So many items wait or are being stored."""

    def turned_away(self, events: int) -> None:
        """So many items found the queue full."""


class Flush:
    """The items of one flush and what has become of each so far."""

    def __init__(self, workspace_id: WorkspaceId, loads: Sequence[Load]) -> None:
        self.workspace_id = workspace_id
        self.loads = loads
        self.events = [event for load in loads for event in load.events]
        self.starts = [0, *accumulate(len(load.events) for load in loads)]
        self.results: list[ItemResult | None] = [None] * len(self.events)
        self.refusals_kept = not any(load.refusals for load in loads)
        self.error: DiptychError | None = None
        self.tries = 0
        self.bad = 0
        self.deadline = time.monotonic() + PATIENCE

    def kept(self, position: int, error: Exception) -> tuple[refused.Kept, bool]:
        """The event at `position` as an item to be kept, and whether it is to be: how it arrived, what `error` says."""
        for load, start in zip(self.loads, self.starts, strict=False):
            if position < start + len(load.events):
                body = load.body(position - start)
                refusal = Refusal(code="REJECTED", message=sentence(error), body=body)
                kept = refused.Kept(
                    refusal=refusal, source=load.source, received_at=self.events[position].received_at
                )
                return kept, load.keep
        raise IndexError(position)

    def answers(self) -> list[list[ItemResult] | DiptychError]:
        """Per load: what became of its events, or why that is not known."""
        answers: list[list[ItemResult] | DiptychError] = []
        for load, start in zip(self.loads, self.starts, strict=False):
            results = [
                result for result in self.results[start : start + len(load.events)] if result is not None
            ]
            if len(results) == len(load.events) and (self.refusals_kept or not load.refusals):
                answers.append(results)
            else:
                answers.append(
                    self.error or Unavailable("The events could not be stored; try again in a moment.")
                )
        return answers


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
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._kinds = kinds
        self._clock = clock
        self._observer = observer
        self._committed = committed

    async def run(self, flush: Flush) -> list[list[ItemResult] | DiptychError]:
        """Store everything that can be stored; the answer has one entry per load."""
        started = time.monotonic()
        try:
            await self._store(flush, 0, len(flush.events))
        except DiptychError as error:
            flush.error = error
        self._observer.flushed(_report(flush, time.monotonic() - started))
        return flush.answers()

    async def _store(self, flush: Flush, start: int, end: int) -> None:
        """Store events[start:end]; halve them where one of them is to blame, until it is alone.

        Raises:
            DiptychError: nobody is to blame, and it cannot be done now.
        """
        error = await self._try(flush, start, end)
        if error is None:
            return
        if end - start == 1:
            await self._refuse(flush, start, error)
            return
        if end == start:
            raise Unavailable("The refused events could not be kept; try again in a moment.") from error
        middle = (start + end) // 2
        await self._store(flush, start, middle)
        await self._store(flush, middle, end)

    async def _refuse(self, flush: Flush, position: int, error: Exception) -> None:
        """Refuse the one event that the database cannot hold, and keep it.

        Raises:
            Unavailable: it cannot be kept now, or it is one of suspiciously many.
        """
        flush.bad += 1
        if flush.bad > MOST_BAD_EVENTS:
            raise Unavailable(
                "Too many events could not be stored at once; try again in a moment."
            ) from error
        log.warning("event_refused", workspace_id=flush.workspace_id, **_described(error))
        kept, wanted = flush.kept(position, error)

        async def keep() -> None:
            async with self._database.transaction(flush.workspace_id) as connection:
                await self._keep_refusals(connection, flush)
                await refused.keep(connection, flush.workspace_id, [kept] if wanted else [])

        failure = await self._repeat(flush, keep)
        if failure is not None:
            raise Unavailable("A refused event could not be kept; try again in a moment.") from failure
        flush.refusals_kept = True
        flush.results[position] = ItemResult(outcome=Outcome.REFUSED, refusal=kept.refusal)

    async def _try(self, flush: Flush, start: int, end: int) -> Exception | None:
        """One transaction, repeated where that helps; the answer is the error that one of the events causes.

        Raises:
            DiptychError: nobody is to blame, and it cannot be done now.
        """
        events = flush.events[start:end]

        async def work() -> None:
            async with self._database.transaction(flush.workspace_id) as connection:
                await self._keep_refusals(connection, flush)
                await transaction.lock(connection, flush.workspace_id)
                workspace = await self._workspaces.fresh(connection, flush.workspace_id)
                stored = await transaction.store(connection, workspace, events, self._kinds, self._clock())
            flush.refusals_kept = True
            flush.results[start:end] = [STORED if fresh else DUPLICATE for fresh in stored.fresh]
            if stored.touched:
                self._committed(flush.workspace_id, stored.touched)

        return await self._repeat(flush, work)

    async def _keep_refusals(self, connection: Connection, flush: Flush) -> None:
        """Keep the items that were refused before they came here, with the first transaction that succeeds."""
        if not flush.refusals_kept:
            kept = [
                refused.Kept(refusal=refusal, source=load.source, received_at=load.received_at)
                for load in flush.loads
                for refusal in load.refusals
            ]
            await refused.keep(connection, flush.workspace_id, kept)

    async def _repeat(self, flush: Flush, work: Callable[[], Awaitable[None]]) -> Exception | None:
        """Do it until it succeeds (None) or fails by the fault of an event (the error).

        Raises:
            DiptychError: it fails by nobody's fault, and time is up or another try would not help.
        """
        races = 0
        for pause in (*_PAUSES, None):
            flush.tries += 1
            try:
                async with asyncio.timeout(max(0.0, flush.deadline - time.monotonic())):
                    await work()
            except Exception as error:
                verdict = judge(error)
                races += verdict is Verdict.PERHAPS_AGAIN
                if verdict is Verdict.EVENT or races > MOST_RACES:
                    return error
                log.warning("flush_failed", workspace_id=flush.workspace_id, **_described(error))
                if verdict is Verdict.SYSTEM and isinstance(error, DiptychError):
                    raise
                if verdict is Verdict.SYSTEM or pause is None or time.monotonic() + pause > flush.deadline:
                    raise Unavailable("The events cannot be stored now; try again in a moment.") from error
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - it only spreads tries in time
            else:
                return None
        raise AssertionError("the last try either succeeds or raises")


def _described(error: Exception) -> dict[str, Any]:
    """An error for the log: its kind and place, not its words, which may quote somebody's data."""
    cause = error.__cause__ if isinstance(error, DiptychError) and error.__cause__ is not None else error
    places = traceback.extract_tb(cause.__traceback__)
    return {
        "error": type(cause).__name__,
        "sqlstate": getattr(cause, "sqlstate", None),
        "at": [f"{Path(place.filename).name}:{place.lineno} {place.name}" for place in places[-4:]],
    }


def _report(flush: Flush, seconds: float) -> FlushReport:
    codes = Counter(refusal.code for load in flush.loads for refusal in load.refusals if flush.refusals_kept)
    codes.update(result.refusal.code for result in flush.results if result is not None and result.refusal)
    outcomes = Counter(None if result is None else result.outcome for result in flush.results)
    return FlushReport(
        events=len(flush.events),
        seconds=seconds,
        tries=flush.tries,
        stored=outcomes[Outcome.STORED],
        duplicates=outcomes[Outcome.DUPLICATE],
        refused=codes,
        unanswered=outcomes[None],
    )
