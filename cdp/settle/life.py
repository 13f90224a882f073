"""What plugins of a process are given for their own work, and that they are told when it begins and ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from uuid import uuid4

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.jobs.offered import PluginJobs
from cdp.model import ProcessFacts, WorkspaceId
from cdp.tables import PluginTables, lacking, wanted

_CONNECTIONS = 3
"""To the plugins' own tables, of all plugins of a process together; opened when they are needed."""


@asynccontextmanager
async def living(
    plugins: Plugins, database: Database, url: str, *, clock: Callable[[], datetime]
) -> AsyncIterator[Mapping[str, Sequence[str]]]:
    """Offer plugins their jobs and tables; tell them that the process has started, and at the end that it stops.

    Gives the files of tables that have not been applied, by plugin.

    Raises:
        Unavailable: the database does not answer.
    """
    plugins.offers.register(
        "jobs", lambda plugin, workspace_id: PluginJobs(database, plugins, plugin, workspace_id, clock)
    )
    files = wanted(plugins)
    own = await Database.connect(url, min_size=0, max_size=_CONNECTIONS) if files else database
    try:
        missing = await lacking(own, files) if files else {}

        def tables(plugin: str, workspace_id: WorkspaceId) -> PluginTables:
            return PluginTables(own, plugin, workspace_id)

        plugins.offers.register("tables", tables)
        facts = ProcessFacts(process_id=str(uuid4()), version=version("diptych"))
        await plugins.calls.union("on_start", [facts], _nothing)
        try:
            yield missing
        finally:
            await plugins.calls.union("on_stop", [facts], _nothing)
    finally:
        if own is not database:
            await own.close()


def _nothing(_request: object, _answer: object) -> None:
    """What a plugin that is told something returns has no meaning."""
