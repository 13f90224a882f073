"""What may wait gives way to what people wait for: settling, telling and enriching, while events keep coming."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cdp.settle.waking import pause

REST = 9.0
"""While events keep coming, all work in the background together rests so many times as long as it works: people who
wait for an acknowledgement go first, and a person's touches come together meanwhile …"""
LATE_REST = 3.0
"""… but only so many times where somebody has waited for long."""
LATELY = 0.5
"""Seconds after an event was stored for which events keep coming."""
LONGEST_PIECE = 1.0
"""Seconds of a piece that count at most: the rest is waiting for a plugin, and takes nothing from anybody."""
LONGEST_WAIT = 15.0
"""Seconds that a piece is put off at most: each plugin that is told of changes has pieces of its own in the line."""


SHORT = 0.05
"""Seconds that a piece of several things should take while events keep coming: who sends one of a person that is being
settled waits until that is done."""
FEWEST = 8
"""Things in a piece, however long each takes."""


class Piece:
    """Work that is being done."""

    number = 0
    """How many things were done."""


class GivingWay:
    """Spreads pieces of work out over time. Each is let in when the time is over that those before it have taken up.

    Args:
        monotonic: seconds that pass whatever is done to the clock.
        pause: lets so many of them pass, unless the event is set.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float, asyncio.Event], Awaitable[None]] = pause,
    ) -> None:
        self._monotonic = monotonic
        self._pause = pause
        self._noticed_at = float("-inf")
        self._free_at = float("-inf")
        self._usual: dict[str, float] = {}
        self._each: dict[str, float] = {}

    def notice(self) -> None:
        """Say that events have been stored."""
        self._noticed_at = self._monotonic()

    def fitting(self, kind: str, most: int) -> int:
        """How many things make a piece of this kind, by how long they took before."""
        if not self._busy(self._monotonic()):
            return most
        each = self._each.get(kind)
        return min(most, FEWEST if each is None else max(FEWEST, round(SHORT / max(each, 1e-6))))

    @asynccontextmanager
    async def piece(self, kind: str, stop: asyncio.Event, *, late: bool = False) -> AsyncIterator[Piece]:
        """Do the block's work when it is its turn, or as soon as `stop` is set.

        Args:
            kind: what takes about as long each time.
            stop: ends the waiting.
            late: whether somebody has waited for it for long.
        """
        await self._wait(kind, stop, LATE_REST if late else REST)
        began = self._monotonic()
        piece = Piece()
        try:
            yield piece
        finally:
            took = min(self._monotonic() - began, LONGEST_PIECE)
            self._usual[kind] = _usual(self._usual.get(kind), took)
            if piece.number:
                self._each[kind] = _usual(self._each.get(kind), took / piece.number)

    def _busy(self, now: float) -> bool:
        return now - self._noticed_at <= LATELY

    async def _wait(self, kind: str, stop: asyncio.Event, rest: float) -> None:
        now = self._monotonic()
        if not self._busy(now):
            self._free_at = now
            return
        begin = min(max(now, self._free_at), now + LONGEST_WAIT)
        # What it will take is taken up beforehand: others that come meanwhile line up behind it.
        self._free_at = begin + self._usual.get(kind, 0.0) * (1 + rest)
        if begin > now:
            await self._pause(begin - now, stop)


def _usual(before: float | None, now: float) -> float:
    return now if before is None else 0.7 * before + 0.3 * now
