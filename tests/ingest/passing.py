"""Plugins that events pass, and what is found in the database afterwards."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import structs

from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.ingest.decode import batch_of
from cdp.ingest.intake import Receipt
from cdp.model import Batch, Event, Redacted, WorkspaceId
from tests.ingest.parts import Ingest, open_ingest

KEY = base64.b64encode(bytes(32)).decode()
SECRET = "4111 1111"


class Plugin:
    """A plugin made of functions."""

    def __init__(self, **functions: Callable[..., object]) -> None:
        for name, function in functions.items():
            setattr(self, name, hookimpl(function))


@asynccontextmanager
async def ingesting(database: Database, *plugins: Plugin, **settings: Any) -> AsyncIterator[Ingest]:
    """The ingest path with these plugins; the one given last is asked first."""
    loaded = Plugins()
    for number, plugin in enumerate(plugins):
        loaded.register(plugin, name=f"p{number}")
    assert loaded.left_out() == frozenset()
    async with open_ingest(database, plugins=loaded, **settings) as ingest:
        yield ingest
    await loaded.aclose()


async def track(ingest: Ingest, workspace: WorkspaceId, *items: dict[str, Any], **how: Any) -> Receipt:
    """Take in track calls of somebody called u1, unless they say otherwise."""
    given = [
        {"type": "track", "event": "Pricing Viewed", "userId": "u1", "messageId": f"m{index}"} | item
        for index, item in enumerate(items)
    ]
    return await ingest.intake.take(workspace, batch_of(given), **how)


async def fetch(database: Database, workspace: WorkspaceId, statement: str) -> list[tuple[Any, ...]]:
    async with database.connection(workspace) as connection:
        return [tuple(row) for row in await connection.fetch(statement, workspace)]


async def stored(database: Database, workspace: WorkspaceId) -> list[tuple[str, Any, Any]]:
    """Name, properties and context of the stored events, in their order."""
    rows = await fetch(
        database,
        workspace,
        "SELECT name, properties::text, context::text FROM event WHERE workspace_id = $1 ORDER BY message_id",
    )
    return [(name, msgspec.json.decode(one), msgspec.json.decode(other)) for name, one, other in rows]


def everything_written(rows: list[tuple[Any, ...]]) -> bytes:
    return b"".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


async def refused(database: Database, workspace: WorkspaceId) -> list[tuple[Any, ...]]:
    return await fetch(
        database,
        workspace,
        "SELECT code, message, body FROM refused_event WHERE workspace_id = $1 ORDER BY refused_id",
    )


def renaming(suffix: str) -> Plugin:
    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {i: structs.replace(event, name=event.name + suffix) for i, event in enumerate(events)}

    return Plugin(transform_event=transform_event)


def masking(events: Batch[Event]) -> dict[int, Redacted]:
    return {
        i: Redacted(
            event=structs.replace(event, properties={**event.properties, "card": "[card]"}), found={"card": 1}
        )
        for i, event in enumerate(events)
        if "card" in event.properties
    }


def broken(*_: object) -> dict[int, Any]:
    raise RuntimeError("out of order")
