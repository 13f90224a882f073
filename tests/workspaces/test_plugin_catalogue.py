"""What plugins add to the catalogue is written down in each workspace."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec import structs

from cdp.db.pool import Database
from cdp.errors import Misconfigured
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import CatalogueEntry, Condition, ConditionOperator, Contribution, Lens, WorkspaceId
from cdp.workspaces import change
from cdp.workspaces.cache import Workspaces
from cdp.workspaces.plugin_catalogue import PluginCatalogue
from cdp.workspaces.plugins import enable
from tests.workspaces.parts import load, noted, set_entry

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = CatalogueEntry(
    event="Webinar Attended",
    conditions=(Condition(property="minutes", operator=ConditionOperator.IN, value=(30, 60)),),
    contributions=(Contribution(lens=Lens.INTENT, signal="webinar", weight=2),),
    description="Somebody stayed.",
)
OVER_DEFAULT = CatalogueEntry(event="Pricing Viewed", contributions=())


class Registering:
    def __init__(self, *entries: CatalogueEntry) -> None:
        self._entries = list(entries)

    @hookimpl
    def register_catalogue(self) -> list[CatalogueEntry]:
        return self._entries


class Process:
    """What one process knows."""

    def __init__(self, database: Database, **plugins: Registering) -> None:
        loaded = Plugins()
        for name, plugin in plugins.items():
            loaded.register(plugin, name=name)
        assert loaded.left_out() == frozenset()
        self.workspaces = Workspaces(database, max_age=0)
        self.catalogue = PluginCatalogue(loaded, database, self.workspaces)

    async def comes_by(self, workspace: WorkspaceId) -> None:
        """As with every request."""
        await self.catalogue.current(await self.workspaces.get(workspace), NOW)


async def shown(database: Database, workspace: WorkspaceId, name: str) -> list[tuple[str | None, bool]]:
    """Whose the entries of an event are, and whether they contribute anything."""
    return [
        (entry.plugin, bool(entry.contributions))
        for entry in (await load(database, workspace)).entries
        if entry.event == name
    ]


async def turn(database: Database, workspace: WorkspaceId, plugin: str, *, to: bool) -> None:
    async with database.transaction(workspace) as connection:
        await enable(connection, workspace, plugin, to=to, by="test", now=NOW)


async def test_it_is_written_when_the_workspace_is_first_used_and_history_is_recounted_once(
    database: Database, workspace: WorkspaceId
) -> None:
    """Over a default, under the workspace's own."""
    process = Process(database, p=Registering(ONE, OVER_DEFAULT))
    for _ in range(2):
        await process.comes_by(workspace)
    assert await noted(database, workspace) == [["Pricing Viewed", "Webinar Attended"]]
    assert await shown(database, workspace, "Pricing Viewed") == [("p", False)]
    own = structs.replace(OVER_DEFAULT, contributions=ONE.contributions)
    await set_entry(database, workspace, own)
    assert await shown(database, workspace, "Pricing Viewed") == [(None, True)]
    async with database.transaction(workspace) as connection:
        back = await change.remove_entry(connection, workspace, "Pricing Viewed", now=NOW)
    assert back is not None
    assert back.plugin == "p"


async def test_turning_the_plugin_off_takes_its_entries_away_and_on_brings_them_back(
    database: Database, workspace: WorkspaceId
) -> None:
    """History follows."""
    process = Process(database, p=Registering(ONE))
    await process.comes_by(workspace)
    await turn(database, workspace, "p", to=False)
    await process.comes_by(workspace)
    assert await shown(database, workspace, "Webinar Attended") == []
    await turn(database, workspace, "p", to=True)
    await process.comes_by(workspace)
    assert await shown(database, workspace, "Webinar Attended") == [("p", True)]
    assert await noted(database, workspace) == [["Webinar Attended"]] * 3


async def test_a_process_without_the_plugin_or_with_another_version_leaves_it_until_a_worker_renews_it(
    database: Database, workspace: WorkspaceId
) -> None:
    """While servers are replaced one by one they do not undo each other's work."""
    await Process(database, p=Registering(ONE)).comes_by(workspace)
    newer = Process(database, p=Registering(structs.replace(ONE, description="Stayed to the end.")))
    for process in (Process(database), Process(database, q=Registering()), newer):
        await process.comes_by(workspace)
        assert (await load(database, workspace)).plugin_entries == (structs.replace(_stored(), plugin="p"),)
    await newer.catalogue.renew(workspace, NOW)
    (entry,) = (await load(database, workspace)).plugin_entries
    assert entry.description == "Stayed to the end."
    await Process(database).catalogue.renew(workspace, NOW)
    assert (await load(database, workspace)).plugin_entries == ()
    assert await noted(database, workspace) == [["Webinar Attended"]] * 2


def _stored() -> CatalogueEntry:
    """As JSON gives it back."""
    (condition,) = ONE.conditions
    return structs.replace(ONE, conditions=(structs.replace(condition, value=[30, 60]),))


def test_an_entry_that_cannot_be_used_stops_the_start_and_names_the_plugin(database: Database) -> None:
    """A contribution to no panel is one."""
    bad = structs.replace(ONE, contributions=(Contribution(lens=Lens.NONE),))
    with pytest.raises(Misconfigured, match="plugin p registers the catalogue entry 'Webinar Attended'"):
        Process(database, p=Registering(bad))
