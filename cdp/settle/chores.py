"""What takes longer than the worker may be away from its people: done a chunk at a time, between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import asyncpg
import structlog

from cdp.db.pool import Database
from cdp.jobs import store as jobs
from cdp.lenses import compact, retention
from cdp.model import WorkspaceId
from cdp.settle import upkeep
from cdp.workspaces import store

log = structlog.get_logger(__name__)


class _Chore(Protocol):
    """One chunk of some work on a workspace; the answer is whether more is left."""

    __name__: str

    def __call__(
        self, database: Database, workspace_id: WorkspaceId, *, now: datetime
    ) -> Awaitable[bool]: ...


_CHORES: tuple[_Chore, ...] = (retention.drop_some, compact.compact_some, jobs.forget_some)


class Chores:
    """Dropping events whose time is over, forgetting days that no view looks at, and jobs that were over long ago."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left: deque[tuple[WorkspaceId, _Chore]] = deque()
        self._done_some = False

    def due(self, workspace_id: WorkspaceId) -> None:
        """Have the chores of this workspace done, if they are not being done already."""
        for chore in _CHORES:
            if (workspace_id, chore) not in self._left:
                self._left.append((workspace_id, chore))

    async def do_one(self, clock: Callable[[], datetime]) -> bool:
        """Do one chunk, workspaces and chores taking turns; whether any is left.

        Raises:
            Unavailable: the database is away; what was not done is done when it is due again.
        """
        if not self._left:
            return False
        workspace_id, chore = self._left.popleft()
        # What is deleted is over by both clocks: one of them may have jumped ahead.
        now = min(clock(), await upkeep.their_time(self._database))
        try:
            more = await chore(self._database, workspace_id, now=now)
        except asyncpg.PostgresError as error:
            # Its chunk is undone, and begun again when the house is kept next; people are settled meanwhile.
            log.warning("chore_put_off", workspace=workspace_id, chore=chore.__name__, error=str(error))
            more = False
        if more:
            self._left.append((workspace_id, chore))
            self._done_some = True
        if not self._left and self._done_some:
            self._done_some = False
            await self._drop_empty_months(now)
        return bool(self._left)

    async def _drop_empty_months(self, now: datetime) -> None:
        """Give back the space of months that every workspace has dropped."""
        horizons = []
        for workspace_id, _ in await store.list_all(self._database):
            async with self._database.connection(workspace_id) as connection:
                workspace = await store.load(connection, workspace_id)
            horizons.append(retention.horizon_of(now, workspace.settings.retention_months))
        if all(horizon is None for horizon in horizons):
            return
        try:
            await retention.drop_empty_months(
                self._database, max(horizon for horizon in horizons if horizon is not None)
            )
        except asyncpg.LockNotAvailableError as error:
            log.info("empty_months_stay", error=str(error))
