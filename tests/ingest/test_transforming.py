"""Plugins transform events before they are stored: in order, on copies, and only as far as they may."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from cdp.db.pool import Database
from cdp.model import Batch, Event, Identifier, WorkspaceId
from tests.ingest.passing import Plugin, broken, ingesting, renaming, stored, track


async def test_transformations_are_chained_and_what_they_make_is_stored(
    database: Database, workspace: WorkspaceId
) -> None:
    """The one that was registered last begins; a failing one between them changes nothing."""
    plugins = renaming(" b"), Plugin(transform_event=broken), renaming(" a")
    async with ingesting(database, *plugins) as ingest:
        receipt = await track(ingest, workspace, {})
    assert receipt.stored == 1
    assert await stored(database, workspace) == [("Pricing Viewed a b", {}, {})]


async def test_one_event_that_a_plugin_stumbles_over_does_not_spoil_the_others(
    database: Database, workspace: WorkspaceId
) -> None:
    """They are halved until it is alone."""

    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {
            i: structs.replace(e, properties={"n": 10 // e.properties["n"]}) for i, e in enumerate(events)
        }

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        await track(ingest, workspace, *({"properties": {"n": n}} for n in (1, 2, 0, 5)))
    assert [properties for _, properties, _ in await stored(database, workspace)] == [
        {"n": 10},
        {"n": 5},
        {"n": 0},
        {"n": 2},
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "other", "name": "Renamed"},
        {"source": "human:nobody", "name": "Renamed"},
        {"name": " "},
        {"identifiers": ()},
        {"identifiers": (Identifier("email", "Not An Address"),)},
        {"properties": {"x": "\0"}},
        {"properties": {"x": "long" * 20_000}},
        {"properties": {"x": object()}},
    ],
)
async def test_what_a_transformation_may_not_do_has_no_effect(
    database: Database, workspace: WorkspaceId, changes: dict[str, Any]
) -> None:
    """The event is stored as it was."""

    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {0: structs.replace(events[0], **changes)}

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        receipt = await track(ingest, workspace, {"properties": {"kept": True}})
    assert receipt.stored == 1
    assert await stored(database, workspace) == [("Pricing Viewed", {"kept": True}, {})]


async def test_a_plugin_that_changes_what_it_got_changes_nothing(
    database: Database, workspace: WorkspaceId
) -> None:
    """It looked at copies."""

    def transform_event(events: Batch[Event]) -> None:
        for event in events:
            event.properties["deep"]["list"].append("changed")
            event.properties.clear()

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        await track(ingest, workspace, {"properties": {"deep": {"list": [1]}}})
    assert await stored(database, workspace) == [("Pricing Viewed", {"deep": {"list": [1]}}, {})]
