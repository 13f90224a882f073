"""One flush as a value: what came together, and what has become of each item so far."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Protocol

from msgspec import Struct

from cdp.errors import DiptychError
from cdp.ingest import refused
from cdp.ingest.failures import sentence
from cdp.ingest.results import ItemResult, Outcome, Refusal
from cdp.model import Event, WorkspaceId
from cdp.telemetry import Here


class Load(Struct, frozen=True, kw_only=True):
    """What one call handed in."""

    events: tuple[Event, ...]
    refusals: tuple[Refusal, ...]
    body_of: Callable[[int], bytes] | None
    source: str
    received_at: datetime
    keep: bool = True
    """Whether events that the database refuses are kept; False where they are kept already."""
    size_bytes: int = 0
    """About how much the events hold, as JSON text."""

    @property
    def size(self) -> int:
        """Items, as the limits count them."""
        return len(self.events) + len(self.refusals)

    def body(self, index: int) -> bytes:
        """The event as it arrived, or as it would have."""
        return self.body_of(index) if self.body_of else refused.as_batch(self.events[index])


class Job:
    """A load on its way: it may take several flushes, where some of its events cannot be stored."""

    __slots__ = ("answer", "bad", "here", "load", "refusals_kept", "results", "until")

    def __init__(
        self, load: Load, answer: asyncio.Future[list[ItemResult]], *, until: float, here: Here = None
    ) -> None:
        self.load = load
        self.answer = answer
        self.until = until
        """When its caller is told to come again, on the loop's clock."""
        self.here = here
        """The request that waits for it, for traces."""
        self.results: list[ItemResult | None] = [None] * len(load.events)
        self.refusals_kept = not load.refusals
        self.bad = False
        """Whether an event of it was found that cannot be stored."""

    @property
    def done(self) -> bool:
        """Whether everything of it is decided, durably."""
        return self.refusals_kept and None not in self.results


class Condemned(Struct, frozen=True, kw_only=True):
    """An event that the database cannot hold, not kept yet."""

    job: Job
    index: int
    kept: refused.Kept


class FlushReport(Struct, frozen=True, kw_only=True):
    """What one flush did, for the metrics."""

    events: int
    seconds: float
    tries: int
    """Transactions, those included that were tried again."""
    retries: int
    """Transactions that were tried again."""
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
    """What is not decided yet of some jobs of one workspace."""

    def __init__(self, workspace_id: WorkspaceId, jobs: Sequence[Job], *, until: float) -> None:
        self.workspace_id = workspace_id
        self.jobs = jobs
        self.until = until
        """When it is given up, on the loop's clock."""
        self.places: list[tuple[Job, int]] = [
            (job, index) for job in jobs for index, result in enumerate(job.results) if result is None
        ]
        self.events = [job.load.events[index] for job, index in self.places]
        self.condemned: list[Condemned] = []
        self.tries = self.retries = 0
        self._given = len(self.events)
        self._codes: Counter[str] = Counter()
        self._outcomes: Counter[Outcome] = Counter()

    def leave(self, positions: Sequence[int]) -> None:
        """Leave only the events at these positions in; the others are decided."""
        if len(positions) < len(self.events):
            self.places = [self.places[position] for position in positions]
            self.events = [self.events[position] for position in positions]

    def arrange(self, parts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Bring the events of each part, given as positions, side by side; the answer is where they begin and end."""
        order = [position for part in parts for position in part]
        self.places = [self.places[position] for position in order]
        self.events = [self.events[position] for position in order]
        ends = list(accumulate(len(part) for part in parts))
        return list(zip([0, *ends], ends, strict=False))

    def undecided(self) -> list[int]:
        """Positions of the events of which nothing is known yet."""
        return [position for position, (job, index) in enumerate(self.places) if job.results[index] is None]

    def refusals(self) -> list[refused.Kept]:
        """Items that were refused before they came here and are not kept yet."""
        return [
            refused.Kept(refusal=refusal, source=job.load.source, received_at=job.load.received_at)
            for job in self.jobs
            if not job.refusals_kept
            for refusal in job.load.refusals
        ]

    def refusals_are_kept(self) -> None:
        """Note that the transaction with `refusals` has been committed."""
        for job in self.jobs:
            if not job.refusals_kept:
                job.refusals_kept = True
                self._codes.update(refusal.code for refusal in job.load.refusals)

    def decide(self, start: int, results: Sequence[ItemResult]) -> None:
        """Note what became, durably, of the events from `start` on."""
        for (job, index), result in zip(self.places[start : start + len(results)], results, strict=True):
            job.results[index] = result
            self._outcomes[result.outcome] += 1

    def condemn(self, position: int, error: Exception) -> None:
        """Note that the database refuses the event at `position`: it is to be kept, with what `error` says."""
        job, index = self.places[position]
        job.bad = True
        refusal = Refusal(code="REJECTED", message=sentence(error), body=job.load.body(index))
        kept = refused.Kept(
            refusal=refusal, source=job.load.source, received_at=self.events[position].received_at
        )
        self.condemned.append(Condemned(job=job, index=index, kept=kept))

    def condemned_are_kept(self) -> None:
        """Note that the transaction with what was condemned has been committed."""
        for one in self.condemned:
            self.refuse(one.job, one.index, one.kept.refusal)
        self.condemned.clear()

    def refuse(self, job: Job, index: int, refusal: Refusal) -> None:
        """Note that an event is refused, and kept."""
        job.results[index] = ItemResult(outcome=Outcome.REFUSED, refusal=refusal)
        self._outcomes[Outcome.REFUSED] += 1
        self._codes[refusal.code] += 1

    def report(self, seconds: float, error: DiptychError | None) -> FlushReport:
        """For the metrics."""
        decided = self._outcomes.total()
        return FlushReport(
            events=self._given,
            seconds=seconds,
            tries=self.tries,
            retries=self.retries,
            stored=self._outcomes[Outcome.STORED],
            duplicates=self._outcomes[Outcome.DUPLICATE],
            refused=self._codes,
            unanswered=self._given - decided if error is not None else 0,
        )
