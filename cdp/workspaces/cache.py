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
        self._asking: dict[WorkspaceId, asyncio.Future[Workspace]] = {}

    async def get(self, workspace_id: WorkspaceId) -> Workspace:
        """The workspace as it was at most a second ago, for reading.

        Raises:
            NotFound: there is no such workspace.
            Unavailable: the database is away.
        """
        held = self._held.get(workspace_id)
        if held is not None and self._monotonic() - held[0] < self._max_age:
            return held[1]
        asking = self._asking.get(workspace_id)
        if asking is None:
            asking = self._asking[workspace_id] = asyncio.ensure_future(self._look(workspace_id))
            asking.add_done_callback(lambda _: self._asking.pop(workspace_id, None))
        # Those who ask meanwhile share the answer, and one that goes away does not take it from the others.
        return await asyncio.shield(asking)

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
        self._held.pop(workspace_id, None)
