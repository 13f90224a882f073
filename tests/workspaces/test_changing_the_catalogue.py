"""Entries and features that a workspace sets, replaces and takes away."""

from __future__ import annotations

import pytest

from cdp.db.pool import Database
from cdp.errors import BadInput, NotFound
from cdp.lenses.catalogue import classify
from cdp.lenses.defaults import default_entries
from cdp.model import (
    CatalogueEntry,
    Condition,
    Contribution,
    Feature,
    Lens,
    WorkspaceId,
)
from cdp.workspaces import change
from tests.workspaces.parts import NOW, PING, changing, load, noted, set_entry


async def test_an_entry_is_added_replaced_however_it_is_spelled_and_removed(
    database: Database, workspace: WorkspaceId
) -> None:
    await set_entry(database, workspace, PING)
    louder = CatalogueEntry(
        event="PING", contributions=(Contribution(lens=Lens.INTENT, signal="ping", weight=9),)
    )
    stored = await set_entry(database, workspace, louder)
    loaded = await load(database, workspace)
    assert [entry for entry in loaded.entries if entry.event.lower() == "ping"] == [stored]
    assert (stored.contributions, loaded.version) == (louder.contributions, 3)
    async with changing(database, workspace) as connection:
        assert await change.remove_entry(connection, workspace, "ping", now=NOW) is None
    assert classify("Ping", {}, (await load(database, workspace)).entries) == ()
    assert await noted(database, workspace) == [["Ping"], ["PING"], ["PING"]]


async def test_the_same_entry_again_changes_nothing(database: Database, workspace: WorkspaceId) -> None:
    first = await set_entry(database, workspace, PING)
    assert await set_entry(database, workspace, PING) == first
    default = next(entry for entry in default_entries() if entry.event == "Demo Requested")
    assert await set_entry(database, workspace, default) == default
    assert (await noted(database, workspace), (await load(database, workspace)).version) == ([["Ping"]], 2)


async def test_a_default_that_is_removed_is_switched_off_and_removing_that_brings_it_back(
    database: Database, workspace: WorkspaceId
) -> None:
    default = next(entry for entry in default_entries() if entry.event == "Demo Requested")
    async with changing(database, workspace) as connection:
        off = await change.remove_entry(connection, workspace, "demo requested", now=NOW)
    assert off is not None
    assert (off.event, off.contributions) == ("Demo Requested", ())
    assert classify("Demo Requested", {}, (await load(database, workspace)).entries) == ()
    async with changing(database, workspace) as connection:
        assert await change.remove_entry(connection, workspace, "Demo Requested", now=NOW) == default
    assert (await load(database, workspace)).entries == default_entries()


async def test_an_entry_with_conditions_stands_beside_the_default(
    database: Database, workspace: WorkspaceId
) -> None:
    condition = Condition(property="plan", value="enterprise")
    entry = CatalogueEntry(
        event="Demo Requested",
        conditions=(condition,),
        contributions=(Contribution(lens=Lens.INTENT, signal="enterprise_demo", weight=30),),
    )
    await set_entry(database, workspace, entry)
    entries = (await load(database, workspace)).entries
    found = [
        classify("Demo Requested", properties, entries)[0].signal
        for properties in ({}, {"plan": "enterprise"})
    ]
    assert found == ["demo_requested", "enterprise_demo"]
    async with changing(database, workspace) as connection:
        with pytest.raises(NotFound):
            await change.remove_entry(
                connection, workspace, "Demo Requested", [Condition(property="x", value=1)], now=NOW
            )


async def test_an_entry_that_cannot_be_used_changes_nothing(
    database: Database, workspace: WorkspaceId
) -> None:
    with pytest.raises(BadInput):
        await set_entry(database, workspace, CatalogueEntry(event=""))
    assert (await load(database, workspace)).version == 1


# ── Features ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_features_are_defined_renamed_and_removed(database: Database, workspace: WorkspaceId) -> None:
    async with changing(database, workspace) as connection:
        await change.define_feature(connection, workspace, Feature(key=" export ", name="Export"))
        await change.define_feature(
            connection, workspace, Feature(key="dash", name="Dashboards", tip=" Pin one. ")
        )
        await change.define_feature(connection, workspace, Feature(key="export", name="CSV export"))
    loaded = await load(database, workspace)
    assert (loaded.version, loaded.features) == (
        4,
        (Feature(key="dash", name="Dashboards", tip="Pin one."), Feature(key="export", name="CSV export")),
    )
    async with changing(database, workspace) as connection:
        await change.remove_feature(connection, workspace, "dash")
        with pytest.raises(NotFound, match="'llama'"):
            await change.remove_feature(connection, workspace, "llama")
    assert [feature.key for feature in (await load(database, workspace)).features] == ["export"]


@pytest.mark.parametrize(
    ("feature", "field"),
    [
        (Feature(key=" ", name="x"), "key"),
        (Feature(key="x", name=""), "name"),
        (Feature(key="x" * 201, name="x"), "key"),
        (Feature(key="x", name="x", tip="x" * 1001), "tip"),
    ],
)
async def test_a_feature_needs_its_texts(
    database: Database, workspace: WorkspaceId, feature: Feature, field: str
) -> None:
    async with changing(database, workspace) as connection:
        with pytest.raises(BadInput) as caught:
            await change.define_feature(connection, workspace, feature)
    assert caught.value.field == (field,)
