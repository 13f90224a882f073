"""Profiles whose views changed are noted, in the transaction that changed them, for the worker to settle."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.live import changes
from cdp.model import ProfileId, WorkspaceId

_SETTLEMENT = load_queries("cdp.lenses", "settlement.sql")


async def note(
    connection: Connection,
    workspace_id: WorkspaceId,
    touched: Collection[ProfileId],
    now: datetime,
    *,
    gone: Collection[ProfileId] = (),
) -> None:
    """Have these profiles settled, once the transaction commits; workers of every process are woken then.

    So is who watches them, or a profile that is `gone`, having been merged into one of them.
    """
    if touched:
        payload = changes.encode(workspace_id, [*touched, *gone])
        await connection.execute(
            _SETTLEMENT.note, workspace_id, sorted(touched), now, changes.TOUCHED, payload
        )
