"""Handing items to the intake, batch by batch, while the next batch is being read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from msgspec import Struct

from cdp.ingest.decode import batch_of
from cdp.ingest.intake import Intake
from cdp.model import WorkspaceId

_Origin = TypeVar("_Origin")

BATCH = 1_000
"""Items that are handed in together."""
_UNDER_WAY = 2
"""Batches that may wait for their commit: one is stored while the next is read."""


class Problem(Struct, frozen=True):
    """Why an item was refused, or what should be mended in one that was stored."""

    code: str
    message: str


class Candidate(Struct, Generic[_Origin], frozen=True):
    """An item, and where it came from."""

    origin: _Origin
    item: dict[str, Any]


class Counts(Struct):
    """What became of the items so far."""

    stored: int = 0
    duplicates: int = 0
    """Stored before, by an earlier import."""


class Courier(Generic[_Origin]):
    """Takes items into one workspace, through the intake of the application.

    Args:
        intake: the door of ingest.
        workspace_id: whose they are.
        rejected: told about each item that is refused: its origin, and why.
        remarked: told what should be mended in an item that was stored.
    """

    def __init__(
        self,
        intake: Intake,
        workspace_id: WorkspaceId,
        *,
        rejected: Callable[[_Origin, Problem], None],
        remarked: Callable[[_Origin, Problem], None],
    ) -> None:
        self.counts = Counts()
        self._intake = intake
        self._workspace_id = workspace_id
        self._rejected = rejected
        self._remarked = remarked

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
            while under_way:
                advanced(await under_way.pop(0))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _deliver(self, batch: Sequence[Candidate[_Origin]]) -> int:
        receipt = await self._intake.take(
            self._workspace_id, batch_of(candidate.item for candidate in batch), source="import", keep=False
        )
        self.counts.stored += receipt.stored
        self.counts.duplicates += receipt.duplicates
        for refusal in receipt.refused:
            self._rejected(batch[refusal.index].origin, Problem(refusal.code, refusal.message))
        for remark in receipt.remarks:
            field = ".".join(remark.field)
            self._remarked(batch[remark.index].origin, Problem(remark.code, f"{field}: {remark.message}"))
        return len(batch)


def _batches(candidates: Iterable[Candidate[_Origin]]) -> Iterator[list[Candidate[_Origin]]]:
    remaining = iter(candidates)
    while batch := list(islice(remaining, BATCH)):
        yield batch
