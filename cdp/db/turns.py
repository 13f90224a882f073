"""Whose turn it is to have a connection: workspaces share a pool fairly."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from cdp.errors import Unavailable

_BUSY = "Every connection to the database is busy; try again in a moment."

_KEPT_FROM = 8
"""Connections from which on a few are kept from any single workspace."""


class Turns:
    """The connections of a pool, handed out.

    Who waits is served before newcomers; among workspaces that wait, the one that holds the fewest connections, so that
    one which asks for a hundred at once waits behind itself and not before the others. No workspace holds all of them.

    Args:
        connections: how many there are.
        waiting: requests of one workspace that may wait.
    """

    def __init__(self, connections: int, *, waiting: int = 250) -> None:
        self._free = connections
        self._most = connections - (connections // 5 if connections >= _KEPT_FROM else 0)
        self._longest = waiting
        self._held: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, whose: str, timeout: float) -> None:  # noqa: ASYNC109 - it bounds the wait, not the work
        """Wait for a connection, `timeout` seconds at most.

        Raises:
            Unavailable: none was free in time, or too many wait already.
        """
        if self._free and self._held.get(whose, 0) < self._most:
            self._give(whose)
            return
        line = self._waiting.setdefault(whose, deque())
        while line and line[0].done():
            line.popleft()
        if len(line) >= self._longest:
            raise Unavailable(_BUSY)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            async with asyncio.timeout(timeout):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(whose)  # it came just as we stopped waiting
            else:
                turn.cancel()
            if isinstance(error, TimeoutError):
                raise Unavailable(_BUSY) from error
            raise

    def give_back(self, whose: str) -> None:
        """The connection is free for the next."""
        self._free += 1
        held = self._held[whose] - 1
        if held:
            self._held[whose] = held
        else:
            del self._held[whose]
        self._serve()

    def _give(self, whose: str) -> None:
        self._free -= 1
        self._held[whose] = self._held.get(whose, 0) + 1

    def _serve(self) -> None:
        while self._free:
            for whose, line in list(self._waiting.items()):
                while line and line[0].done():
                    line.popleft()
                if not line:
                    del self._waiting[whose]
            able = [whose for whose in self._waiting if self._held.get(whose, 0) < self._most]
            if not able:
                return
            # The first of several that hold as many: who was served last goes to the end of the line.
            whose = min(able, key=lambda one: self._held.get(one, 0))
            turn = self._waiting[whose].popleft()
            self._waiting.move_to_end(whose)
            self._give(whose)
            turn.set_result(None)
