"""Handing items to the accumulator, batch by batch, while the next batch is being read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from cdp.importing.rows import STAND_IN
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.decode import batch_of
from cdp.ingest.results import Checked, Outcome, Refusal
from cdp.ingest.validate import Validator
from cdp.model import Event, Workspace, WorkspaceId

_Origin = TypeVar("_Origin")

BATCH = 1_000
"""Items that are handed in together."""
_UNDER_WAY = 2
"""Batches that may wait for their commit: one is stored while the next is read."""


class Candidate(Struct, Generic[_Origin], frozen=True):
    """An item, and where it came from."""

    origin: _Origin
    item: dict[str, Any]


class Counts(Struct):
    """What became of the items so far."""

    stored: int = 0
    duplicates: int = 0
    """Stored before, by an earlier import."""
    rejected: int = 0


class Courier(Generic[_Origin]):
    """Takes items into one workspace, through validation and the accumulator.

    Args:
        accumulator: of the application.
        workspace: whose they are.
        clock: says when the items were received.
        source: `Event.source`.
        rejected: told about each item that is refused: its origin, and why.
    """

    def __init__(
        self,
        accumulator: Accumulator,
        workspace: Workspace,
        *,
        clock: Callable[[], datetime],
        source: str,
        rejected: Callable[[_Origin, Refusal], None],
    ) -> None:
        self.counts = Counts()
        self._accumulator = accumulator
        self._clock = clock
        self._workspace_id: WorkspaceId = workspace.workspace_id
        self._validator = Validator(accumulator.kinds, workspace.settings.default_country)
        self._source = source
        self._rejected = rejected

    async def take(self, candidates: Iterable[Candidate[_Origin]], advanced: Callable[[int], None]) -> None:
        """Deliver everything, in order; `advanced` hears how many items of each batch are done.

        Raises:
            Unavailable: the database went away. What was stored is known by its message id when it comes again.
        """
        under_way: list[asyncio.Task[int]] = []
        try:
            for batch in _batches(candidates):
                if len(under_way) == _UNDER_WAY:
                    advanced(await under_way.pop(0))
                under_way.append(asyncio.create_task(self._deliver(batch)))
                # Let it reach the accumulator before the next batch does: order is arrival.
                await asyncio.sleep(0)
            for task in under_way:
                advanced(await task)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _deliver(self, batch: Sequence[Candidate[_Origin]]) -> int:
        events, origins = [], []
        items = batch_of(candidate.item for candidate in batch)
        received_at = self._clock()
        for candidate, text in zip(batch, items.items, strict=True):
            checked = self._validator.check(text, items, received_at=received_at, source=self._source)
            match _settled(checked):
                case Event() as event:
                    events.append(event)
                    origins.append(candidate.origin)
                case refusal:
                    self._reject(candidate.origin, refusal)
        results = await self._accumulator.submit(self._workspace_id, events)
        for origin, result in zip(origins, results, strict=True):
            match result.outcome:
                case Outcome.STORED:
                    self.counts.stored += 1
                case Outcome.DUPLICATE:
                    self.counts.duplicates += 1
                case Outcome.REFUSED:
                    assert result.refusal is not None
                    self._reject(origin, result.refusal)
        return len(batch)

    def _reject(self, origin: _Origin, refusal: Refusal) -> None:
        self.counts.rejected += 1
        self._rejected(origin, refusal)


def _settled(checked: Checked | Refusal) -> Event | Refusal:
    """The event without the stand-in for a missing id; a refusal where no identifier is left."""
    if isinstance(checked, Refusal):
        return checked
    event = checked.event
    real = tuple(identifier for identifier in event.identifiers if identifier.value != STAND_IN)
    if real:
        return event if len(real) == len(event.identifiers) else replace(event, identifiers=real)
    reasons = [remark.message for remark in checked.remarks] or ["It has no column that identifies a person."]
    return Refusal(code="MISSING_ID", message=" ".join(reasons))


def _batches(candidates: Iterable[Candidate[_Origin]]) -> Iterator[list[Candidate[_Origin]]]:
    remaining = iter(candidates)
    while batch := list(islice(remaining, BATCH)):
        yield batch
