"""What the tests of changes share: a plugin that keeps what it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from cdp.changes import deliver_some
from cdp.changes.deliver import Round
from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import Change, WorkspaceId
from cdp.workspaces.cache import Workspaces
from tests.settle.parts import Clock, event, ingest, make_worker

HOOKS = ("on_profile_changed", "on_membership_changed", "on_role_changed", "on_stage_changed")


class Told:
    """What a plugin was told; `unwilling` may raise for a change."""

    def __init__(self, unwilling: Callable[[Change], None] = lambda change: None) -> None:
        self.changes: list[Change] = []
        self.unwilling = unwilling
        self._lock = threading.Lock()

    def plugin(self, *hooks: str) -> SimpleNamespace:
        def on_change(change: Any) -> None:
            self.unwilling(change)
            with self._lock:
                self.changes.append(change)

        def named(hook: str) -> Callable[[Any], None]:
            def implementation(change: Any) -> None:
                on_change(change)

            implementation.__name__ = hook
            return hookimpl(implementation)

        return SimpleNamespace(**{hook: named(hook) for hook in hooks or HOOKS})

    def take(self) -> list[Change]:
        taken, self.changes = self.changes, []
        return taken


class House:
    """A workspace, its worker and the plugins that are told."""

    def __init__(self, database: Database, workspace_id: WorkspaceId, plugins: Plugins, clock: Clock) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.plugins = plugins
        self.clock = clock
        self.workspaces = Workspaces(database)
        self.worker = make_worker(database, plugins, clock)

    async def take(self, *events: Any) -> None:
        """Store events, and settle whom they touched."""
        await ingest(self.database, self.workspace_id, events)
        await self.settle()

    async def settle(self) -> None:
        while await self.worker.settle_once():
            pass

    async def tell(self, plugin: str, **changes: Any) -> Round:
        workspace = await self.workspaces.get(self.workspace_id)
        return await deliver_some(self.database, self.plugins, workspace, plugin, clock=self.clock, **changes)


__all__ = ["HOOKS", "Clock", "House", "Told", "event"]
