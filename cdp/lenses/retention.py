"""Events are dropped when the workspace's time for them is over; what they added to the views stays.

They go in chunks, oldest first, each in one transaction that locks the profiles concerned, deletes events, and adds
what they were to the base of their nodes (`cdp.lenses.base`): no view changes by it, at no moment. A month in which no
workspace has events any more is dropped as a whole, which gives its space back at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.lenses import base, names
from cdp.lenses.fold import fold
from cdp.lenses.redo import item_of, lock_profiles, transaction
from cdp.model import NodeId, Workspace, WorkspaceId

_SQL = load_queries("cdp.lenses", "retention.sql")

CHUNK = 2_000
"""Events in one transaction."""

_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Retained(Struct, frozen=True, kw_only=True):
    """What retention has done to a workspace so far."""

    horizon: datetime
    """Events before this were dropped."""
    events: int
    last_at: datetime | None
    """The time of the latest event that was dropped."""
    finished_at: datetime | None
    """When nothing before the horizon was left; None: it goes on."""


def horizon_of(now: datetime, months: int | None) -> datetime | None:
    """The beginning of the oldest month that is kept: so many whole ones before the present one; None: all are."""
    if months is None:
        return None
    today = now.astimezone(UTC)
    month = today.year * 12 + today.month - 1 - months
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


async def drop_some(
    database: Database, workspace_id: WorkspaceId, *, now: datetime, limit: int = CHUNK
) -> bool:
    """Drop one chunk of a workspace's events that are over; the answer is whether more may be left.

    Several workers may call this: one works, the others hear that nothing is left for them.

    Raises:
        Unavailable: the database is away; nothing of this chunk was changed.
    """

    async def one(connection: Connection, workspace: Workspace) -> bool:
        horizon = horizon_of(now, workspace.settings.retention_months)
        if horizon is None:
            return False
        await connection.execute(_SQL.begin, workspace_id, horizon)
        claimed = await connection.fetchrow(_SQL.claim, workspace_id)
        if claimed is None:
            return False
        begin = claimed["read_to"] or _BEGINNING
        rows = await connection.fetch(_SQL.next_events, workspace_id, begin, horizon, limit)
        if not rows:
            await connection.execute(_SQL.finish, workspace_id, horizon, now)
            return False
        await lock_profiles(connection, workspace_id, sorted({NodeId(row["node_id"]) for row in rows}))
        times = [row["occurred_at"] for row in rows]
        deleted = await connection.fetch(
            _SQL.delete_events, workspace_id, times, [row["event_id"] for row in rows], times[0], times[-1]
        )
        items = [item_of(row) for row in deleted]
        await base.add(connection, workspace, fold(items, workspace))
        await connection.execute(_SQL.advance, workspace_id, horizon, len(items), times[-1])
        await names.drop(connection, workspace_id, (event for event, _, _ in items))
        return True

    return await transaction(database, workspace_id, one)


async def retained(connection: Connection, workspace_id: WorkspaceId) -> Retained | None:
    """What was dropped so far; None: nothing, and nothing has been looked for."""
    row = await connection.fetchrow(_SQL.state, workspace_id)
    return None if row is None else Retained(**dict(row))


async def drop_empty_months(database: Database, before: datetime) -> int:
    """Drop the partitions of months before this moment in which nobody has events; how many.

    Raises:
        asyncpg.LockNotAvailableError: the table is in use; the next time will do.
    """
    async with database.unbound() as connection:
        dropped: int = await connection.fetchval(_SQL.drop_empty_partitions, before)
    return dropped
