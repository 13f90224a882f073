"""Workspaces as a process holds them: read often, changed rarely."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cdp.db.pool import Connection, Database
from cdp.model import Workspace, WorkspaceId
from cdp.workspaces import store


class Workspaces:
    """What one process knows of the workspaces; a read may be `max_age` seconds behind a change, a write never."""

    def __init__(
        self, database: Database, *, max_age: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._max_age = max_age
        self._monotonic = monotonic
        self._held: dict[WorkspaceId, tuple[float, Workspace]] = {}
        self._changed: dict[WorkspaceId, float] = {}
        self._asking: dict[WorkspaceId, asyncio.Future[Workspace]] = {}

    async def get(self, workspace_id: WorkspaceId) -> Workspace:
        """The workspace as it was at most a second ago, for reading.

        Raises:
            NotFound: there is no such workspace.
            Unavailable: the database is away.
        """
        held = self._held.get(workspace_id)
        if (
            held is not None
            and (age := self._monotonic() - held[0]) < self._max_age
            and held[0] >= self._changed.get(workspace_id, held[0])
        ):
            if age > self._max_age / 2:
                self._look_once(workspace_id)  # so that those who come all the time never wait
            return held[1]
        # Those who ask meanwhile share the answer, and one that goes away does not take it from the others.
        return await asyncio.shield(self._look_once(workspace_id))

    def _look_once(self, workspace_id: WorkspaceId) -> asyncio.Future[Workspace]:
        asking = self._asking.get(workspace_id)
        if asking is None:
            asking = self._asking[workspace_id] = asyncio.ensure_future(self._look(workspace_id))
            asking.add_done_callback(lambda done: self._looked(workspace_id, done))
        return asking

    def _looked(self, workspace_id: WorkspaceId, done: asyncio.Future[Workspace]) -> None:
        if self._asking.get(workspace_id) is done:
            del self._asking[workspace_id]
        if not done.cancelled():
            done.exception()  # told to those who wait, if anybody does

    async def _look(self, workspace_id: WorkspaceId) -> Workspace:
        async with self._database.connection(workspace_id) as connection:
            return await self.fresh(connection, workspace_id)

    async def fresh(self, connection: Connection, workspace_id: WorkspaceId) -> Workspace:
        """The workspace as the caller's transaction sees it; loaded only where its version has changed.

        A transaction that holds the workspace's advisory lock, shared, can rely on it until it commits.

        Raises:
            NotFound: there is no such workspace.
        """
        asked = self._monotonic()
        held = self._held.get(workspace_id)
        if held is None or held[1].version != await store.version_of(connection, workspace_id):
            workspace = await store.load(connection, workspace_id)
        else:
            workspace = held[1]
        self._held[workspace_id] = (asked, workspace)
        return workspace

    def forget(self, workspace_id: WorkspaceId) -> None:
        """Load the workspace anew at the next use: this process has changed it."""
        # What was asked for before, and is still on its way, may be what was.
        self._changed[workspace_id] = self._monotonic()
        self._asking.pop(workspace_id, None)
        self._held.pop(workspace_id, None)
