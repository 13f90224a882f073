"""What a test does to a workspace, in one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cdp.db.pool import Connection, Database
from cdp.model import CatalogueEntry, Contribution, Lens, Workspace, WorkspaceId
from cdp.workspaces import change, store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PING = CatalogueEntry(event="Ping", contributions=(Contribution(lens=Lens.INTENT, signal="ping", weight=2),))


async def load(database: Database, workspace_id: WorkspaceId) -> Workspace:
    async with database.connection(workspace_id) as connection:
        return await store.load(connection, workspace_id)


async def noted(database: Database, workspace_id: WorkspaceId) -> list[list[str] | None]:
    """Names whose history waits to be classified anew."""
    async with database.connection(workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT events FROM reclassification WHERE workspace_id = $1 ORDER BY reclassification_id",
            workspace_id,
        )
    return [row["events"] for row in rows]


@asynccontextmanager
async def changing(database: Database, workspace_id: WorkspaceId) -> AsyncIterator[Connection]:
    async with database.transaction(workspace_id) as connection:
        yield connection


async def change_settings(database: Database, workspace_id: WorkspaceId, **changes: Any) -> Workspace:
    async with database.transaction(workspace_id) as connection:
        return await change.change_settings(connection, workspace_id, changes, now=NOW)


async def set_entry(database: Database, workspace_id: WorkspaceId, entry: CatalogueEntry) -> CatalogueEntry:
    async with database.transaction(workspace_id) as connection:
        return await change.set_entry(connection, workspace_id, entry, now=NOW)
