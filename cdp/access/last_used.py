"""When keys were used last: noted in memory as they come, written every half minute, never while somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from cdp.access.keys import queries
from cdp.access.principals import Principal
from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.model import WorkspaceId

log = structlog.get_logger(__name__)

WRITTEN_SECONDS = 30.0
"""After its first use a key waits so long at most to be written."""


class LastUsed:
    """Notes uses of keys; several processes may, and the latest stands."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], seconds: float = WRITTEN_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self._seconds = seconds
        self._used: dict[tuple[WorkspaceId, int], datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._closing = False

    def note(self, principal: Principal) -> None:
        """A key was used, now; others than keys are not noted."""
        if not principal.key_id:
            return
        self._used[principal.workspace_id, principal.key_id] = self._clock()
        self._wait()

    def _wait(self) -> None:
        if self._timer is None and not self._closing:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._writing = asyncio.ensure_future(self.write())

    async def write(self) -> None:
        """Write what was noted; what cannot be written now is written later."""
        used, self._used = self._used, {}
        by_workspace: dict[WorkspaceId, dict[int, datetime]] = {}
        for (workspace_id, key_id), at in used.items():
            by_workspace.setdefault(workspace_id, {})[key_id] = at
        for workspace_id, keys in by_workspace.items():
            try:
                async with self._database.connection(workspace_id) as connection:
                    await connection.execute(queries.note_used, workspace_id, [*keys], [*keys.values()])
            except Unavailable as error:
                log.warning("last_use_of_keys_not_written", error=error.message, keys=len(keys))
                for key_id, at in keys.items():
                    self._used.setdefault((workspace_id, key_id), at)
                self._wait()

    async def aclose(self) -> None:
        """Write what is left; what cannot be written now is lost."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await self.write()
