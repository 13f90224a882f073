"""What a plugin is given to start its own jobs with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cdp.db.pool import Database
from cdp.errors import NotFound
from cdp.hooks.manager import Plugins
from cdp.jobs.store import find, start
from cdp.model import WorkspaceId


class PluginJobs:
    """One plugin's jobs, for one workspace; safe to use from the plugin's own loop."""

    def __init__(
        self,
        database: Database,
        plugins: Plugins,
        plugin: str,
        workspace_id: WorkspaceId,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._plugin = plugin
        self._workspace_id = workspace_id
        self._clock = clock
        self._home = asyncio.get_running_loop()

    async def start(
        self,
        name: str,
        *,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - what a job calls it
        key: str | None = None,
    ) -> int:
        """See `cdp.model.Jobs.start`."""
        work = self._start(name, dict(input or {}), key)
        if asyncio.get_running_loop() is self._home:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def _start(self, name: str, given: Mapping[str, Any], key: str | None) -> int:
        owner, _ = find(self._plugins, name)
        if owner != self._plugin:
            raise NotFound(f"The job {name} is another plugin's.", field=("name",))
        async with self._database.transaction(self._workspace_id) as connection:
            return await start(
                connection,
                self._workspace_id,
                self._plugins,
                name,
                input=given,
                key=key,
                by=f"plugin {self._plugin}",
                now=self._clock(),
            )
