"""Resolving roles without an event: because a resolver changed, because time did it, because everybody is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.hooks.manager import Plugins
from cdp.lenses import settlement
from cdp.model import ProfileId, WorkspaceId
from cdp.roles import backfill
from cdp.roles.backfill import backfill_some, queries
from cdp.roles.resolvers import fingerprint, resolvers
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

_store = load_queries("cdp.roles", "store.sql")
_DUE = 500
"""People that time made due, handed over together."""


class Resolution:
    """Looks, in every workspace, whether roles are to be resolved without an event.

    Args:
        database: the pool.
        workspaces: what they have decided about plugins.
        plugins: those of this process.
        clock: the current time; when this is made counts as the start of the process.
    """

    def __init__(
        self, database: Database, workspaces: Workspaces, plugins: Plugins, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._plugins = plugins
        self._clock = clock
        self._started_at = clock()
        self._known: dict[WorkspaceId, tuple[int, frozenset[str], str]] = {}

    async def look(self) -> bool:
        """Hand over who is due; whether anybody was.

        Raises:
            Unavailable: the database is away; what was not done is done later.
        """
        now = self._clock()
        async with self._database.unbound() as connection:
            rows = await connection.fetch(queries.workspaces, now)
        done = False
        for row in rows:
            workspace_id = WorkspaceId(row["workspace_id"])
            if await self._changed(workspace_id, row):
                done |= await self._begin(workspace_id, now)
            if row["due"]:
                done |= await due_some(self._database, workspace_id, now=now)
            if row["backfills"]:
                done |= await backfill_some(self._database, workspace_id, now=now)
        return done

    async def _changed(self, workspace_id: WorkspaceId, row: Mapping[str, Any]) -> bool:
        """Whether roles were resolved with something else than this process would, and it is the one to say so.

        Of two processes that differ, such as while a new version is rolled out, the one that knows the later version of
        the workspace decides, then the one that started later.
        """
        if row["fingerprint"] is None:
            return True
        if (row["version"], self._started_at) <= (row["noted_version"], row["process_started_at"]):
            return False
        noted: str = row["fingerprint"]
        return await self._mine(workspace_id, row["version"]) != noted

    async def _mine(self, workspace_id: WorkspaceId, version: int) -> str:
        loaded = frozenset(one.name for one in self._plugins.health() if one.loaded)
        known = self._known.get(workspace_id)
        if known is None or known[:2] != (version, loaded):
            workspace = await self._workspaces.get(workspace_id)
            if workspace.version < version:
                self._workspaces.forget(workspace_id)
                workspace = await self._workspaces.get(workspace_id)
            found = fingerprint(self._plugins, workspace, resolvers(self._plugins, workspace))
            known = self._known[workspace_id] = (workspace.version, loaded, found)
        return known[2]

    async def _begin(self, workspace_id: WorkspaceId, now: datetime) -> bool:
        """Note what roles are resolved with from now on, and have everybody resolved with it."""
        async with self._database.transaction(workspace_id) as connection:
            workspace = await self._workspaces.fresh(connection, workspace_id)
            found = resolvers(self._plugins, workspace)
            mine = fingerprint(self._plugins, workspace, found)
            await connection.execute(queries.begin_resolution, workspace_id, now)
            before = await connection.fetchrow(queries.lock_resolution, workspace_id)
            if (workspace.version, self._started_at) <= (
                before["workspace_version"],
                before["process_started_at"],
            ):
                return False
            await connection.execute(
                queries.note_resolution,
                workspace_id,
                mine,
                msgspec.json.encode(found).decode(),
                workspace.version,
                self._started_at,
                now,
            )
            if before["fingerprint"] == mine:
                return False
            why = "resolvers or their settings changed" if before["fingerprint"] else "it was never done"
            people = await backfill.start(connection, workspace_id, reason=why, now=now)
        log.info("roles_are_resolved_anew", workspace=workspace_id, people=people, reason=why)
        return True


async def due_some(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> bool:
    """Hand over people whose roles time may have changed; whether there were any.

    Raises:
        Unavailable: the database is away; they are due still.
    """
    async with database.transaction(workspace_id) as connection:
        rows = await connection.fetch(_store.take_due, workspace_id, now, _DUE)
        people = {ProfileId(row["profile_id"]) for row in rows}
        await settlement.note(connection, workspace_id, people, now)
    return bool(people)
