"""Profiles whose views changed are noted, in the transaction that changed them, for the worker to settle."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import ProfileId, WorkspaceId

_SETTLEMENT = load_queries("cdp.lenses", "settlement.sql")


async def note(
    connection: Connection, workspace_id: WorkspaceId, touched: Collection[ProfileId], now: datetime
) -> None:
    """Have these profiles settled, once the transaction commits; workers of every process are woken then."""
    if touched:
        await connection.execute(_SETTLEMENT.note, workspace_id, sorted(touched), now)
        await connection.execute(_SETTLEMENT.notify, str(workspace_id))
