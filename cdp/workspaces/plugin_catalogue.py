"""What plugins add to a workspace's catalogue, written down there.

Every process classifies by what is written, whichever plugins it has loaded itself, and history is counted anew
whenever it changes: when a plugin is turned on or off, installed, or comes with other entries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec import structs

from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Misconfigured
from cdp.hooks.manager import Plugins
from cdp.lenses.catalogue import check_entry, entry_key
from cdp.model import CatalogueEntry, Workspace, WorkspaceId
from cdp.workspaces import store
from cdp.workspaces.cache import Workspaces

_SQL = load_queries("cdp.workspaces")
_HOOK = "register_catalogue"
_LONGEST = 1_000


class PluginCatalogue:
    """The entries of one process's plugins, and whether workspaces have them.

    Args:
        plugins: who registered what.
        database: where workspaces are.
        workspaces: is told of what changes.

    Raises:
        Misconfigured: a plugin registered an entry that cannot be used.
    """

    def __init__(self, plugins: Plugins, database: Database, workspaces: Workspaces) -> None:
        self._plugins = plugins
        self._database = database
        self._workspaces = workspaces
        self._checked: dict[int, tuple[CatalogueEntry, CatalogueEntry]] = {}
        self._fitting: dict[WorkspaceId, Workspace] = {}
        self._wanted_of(None)

    async def current(self, workspace: Workspace, now: datetime) -> Workspace:
        """The workspace with the entries of all plugins that are turned on there, and of none that is turned off.

        Entries of plugins that this process does not have, and other entries of those that it has, stay: another
        process may be newer.

        Raises:
            Unavailable: the database is away.
        """
        if self._fitting.get(workspace.workspace_id) is workspace:
            return workspace
        wanted = self._wanted_of(workspace)
        stored = {entry.plugin for entry in workspace.plugin_entries}
        on = {entry.plugin for entry in wanted}
        known = {plugin for plugin, _ in self._plugins.registered(_HOOK)}
        missing, over = on - stored, (stored & known) - on
        if missing or over:
            workspace = await self._write(
                workspace.workspace_id,
                [entry for entry in wanted if entry.plugin in missing],
                {plugin for plugin in missing | over if plugin is not None},
                now,
            )
        self._fitting[workspace.workspace_id] = workspace
        return workspace

    async def renew(self, workspace_id: WorkspaceId, now: datetime) -> None:
        """Have exactly the entries of this process's plugins, as they are today; for workers.

        Raises:
            Unavailable: the database is away.
        """
        workspace = await self._workspaces.get(workspace_id)
        wanted = self._wanted_of(workspace)
        if tuple(_ordered(wanted)) != tuple(_ordered(workspace.plugin_entries)):
            both = (*wanted, *workspace.plugin_entries)
            await self._write(workspace_id, wanted, {entry.plugin for entry in both if entry.plugin}, now)

    def _wanted_of(self, workspace: Workspace | None) -> list[CatalogueEntry]:
        on = {one.plugin for one in self._plugins.calls.asked(_HOOK, workspace)}
        return [
            self._check(plugin, entry) for plugin, entry in self._plugins.registered(_HOOK) if plugin in on
        ]

    def _check(self, plugin: str, entry: CatalogueEntry) -> CatalogueEntry:
        # The entry is kept beside what was made of it, so that its id cannot become another's.
        known = self._checked.get(id(entry))
        if known is None:
            known = self._checked[id(entry)] = (entry, _checked(plugin, entry))
        return known[1]

    async def _write(
        self,
        workspace_id: WorkspaceId,
        entries: Sequence[CatalogueEntry],
        instead_of: Collection[str],
        now: datetime,
    ) -> Workspace:
        async with self._database.transaction(workspace_id) as connection:
            after = await replace(connection, workspace_id, entries, instead_of, now=now)
        self._workspaces.forget(workspace_id)
        return after


async def replace(
    connection: Connection,
    workspace_id: WorkspaceId,
    entries: Sequence[CatalogueEntry],
    instead_of: Collection[str],
    *,
    now: datetime,
) -> Workspace:
    """Write entries in the place of all those that these plugins had, note the history that is to be counted anew, and
    return the workspace as it then is; in a transaction that has not locked anything yet.

    Raises:
        NotFound: there is no such workspace.
    """
    await connection.execute(_SQL.lock, workspace_id)
    before = await store.load(connection, workspace_id)
    kept = [entry for entry in before.plugin_entries if entry.plugin not in instead_of]
    if _ordered([*kept, *entries]) == _ordered(before.plugin_entries):
        return before
    await connection.execute(_SQL.forget_plugin_entries, workspace_id, sorted(instead_of))
    await connection.execute(
        _SQL.keep_plugin_entries,
        workspace_id,
        [entry.plugin for entry in entries],
        list(range(len(entries))),
        [entry.event for entry in entries],
        [msgspec.json.encode(entry.conditions).decode() for entry in entries],
        [msgspec.json.encode(entry.contributions).decode() for entry in entries],
        [entry.description for entry in entries],
    )
    await connection.execute(_SQL.bump, workspace_id)
    after = await store.load(connection, workspace_id)
    names = _differing(before.entries, after.entries)
    if names:
        await connection.execute(_SQL.note_reclassification, workspace_id, names, now)
    return after


def _differing(before: Iterable[CatalogueEntry], after: Iterable[CatalogueEntry]) -> list[str]:
    """Names of the events that count otherwise."""
    one, other = _by_key(before), _by_key(after)
    return sorted(
        {
            (one.get(key) or other[key]).event
            for key in one.keys() | other.keys()
            if key not in one or key not in other or one[key].contributions != other[key].contributions
        }
    )


def _by_key(entries: Iterable[CatalogueEntry]) -> dict[tuple[str, bytes], CatalogueEntry]:
    return {entry_key(entry.event, entry.conditions): entry for entry in entries}


def _ordered(entries: Iterable[CatalogueEntry]) -> list[CatalogueEntry]:
    return sorted(entries, key=lambda entry: entry.plugin or "")


def _checked(plugin: str, entry: CatalogueEntry) -> CatalogueEntry:
    """The entry as the database gives it back."""
    try:
        description = entry.description and entry.description.replace("\0", "")[:_LONGEST]
        fit = check_entry(structs.replace(entry, entry_id=None, plugin=plugin, description=description))
        return msgspec.json.decode(msgspec.json.encode(fit), type=CatalogueEntry)
    except (BadInput, msgspec.MsgspecError) as error:
        why = error.message if isinstance(error, BadInput) else str(error)
        raise Misconfigured(
            f"The plugin {plugin} registers the catalogue entry {entry.event!r}, which cannot be used: {why}"
        ) from error
