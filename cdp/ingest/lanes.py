"""The queue of one workspace, and how full all of them are."""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

from cdp.ingest.flush import Job

FLUSH_BYTES = 4 * 1024 * 1024
"""Most JSON text in one transaction, unless one call brings more."""


class Occupied(Struct, frozen=True, kw_only=True):
    """What an accumulator holds at a moment."""

    events: int
    size_bytes: int
    flushes: int


class Lane:
    """The queue of one workspace."""

    def __init__(self) -> None:
        self.pending: deque[Job] = deque()
        self.suspects: deque[Job] = deque()
        """Calls with events that cannot be stored, and too many of them for the flush that found it out."""
        self.events = 0
        """Items in `pending`."""
        self.held = 0
        """Items in the lane, those that are being stored too."""
        self.rate = 0.0
        """Events per second of the last flushes that others waited for; 0: there were none yet."""
        self.calls = 0
        """Requests under way, from before their bodies are read."""
        self.called_at = float("-inf")
        """When the last call came, on the loop's clock."""
        self.mean = 1.0
        """Events in a call, of the last ones."""
        self.company = 1
        """Calls in the last flush."""
        self.searching = False
        """Whether the last flush was one of suspects."""
        self.enough = asyncio.Event()
        """Set while there is no reason to wait for more."""
        self.running: asyncio.Task[None] | None = None

    def take(self, most: int) -> list[Job]:
        """Calls for one transaction: at least one, and otherwise no more than `most` items.

        Calls with events that cannot be stored are taken by themselves, in turns with the others.
        """
        self.searching = bool(self.suspects) and not (self.pending and self.searching)
        if self.searching:
            return [self.suspects.popleft()]
        jobs: list[Job] = []
        size = size_bytes = 0
        while self.pending:
            load = self.pending[0].load
            if jobs and (size + load.size > most or size_bytes + load.size_bytes > FLUSH_BYTES):
                break
            jobs.append(self.pending.popleft())
            size += load.size
            size_bytes += load.size_bytes
        self.company = len(jobs)
        self.events -= size
        return jobs
