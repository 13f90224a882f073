"""Work of the processor between two looks at the network, shared fairly by the workspaces.

Reading and checking a batch takes milliseconds during which nothing else happens. Where many have come at once, they
take turns, workspace by workspace, and whoever waits for the network is heard in between.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from cdp.model import WorkspaceId

STRETCH = 0.004
"""Seconds of work after which the rest is put off until the network has been looked at."""


class Pace:
    """Puts off what is too much at once."""

    def __init__(self, *, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        self._began: float | None = None
        """When this look at the network ended; None: another has come since."""
        self._waiting: OrderedDict[WorkspaceId, deque[asyncio.Future[None]]] = OrderedDict()

    async def turn(self, workspace_id: WorkspaceId) -> None:
        """Go on at once if there is time left; else when it is this workspace's turn."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            if self._began is None:
                self._began = self._monotonic()
                loop.call_soon(self._next)
                return
            if self._monotonic() - self._began < STRETCH:
                return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(workspace_id, deque()).append(turn)
        await turn

    def _next(self) -> None:
        """A new stretch begins: the workspace that waits longest goes on with one batch."""
        self._began = None
        while self._waiting:
            workspace_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[workspace_id] = turns
            if not turn.done():
                turn.set_result(None)
                self._began = self._monotonic()
                asyncio.get_running_loop().call_soon(self._next)
                return
