"""How many events count under each name: what the catalogue might learn, and what retention has dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.lenses.catalogue import counted_name, fold_name
from cdp.model import Event, EventType, WorkspaceId

queries = load_queries("cdp.lenses", "names.sql")

BEHAVIOUR = frozenset({EventType.TRACK, EventType.PAGE, EventType.SCREEN})
"""Types of events that the catalogue may name."""

_Counts = dict[tuple[str, bool], tuple[int, datetime, datetime]]


async def count(connection: Connection, workspace_id: WorkspaceId, events: Iterable[Event]) -> None:
    """Add events that are stored now.

    The last statement of its transaction: names are few, and other flushes may wait for the rows until it commits.
    """
    await _write(queries.count, connection, workspace_id, events)


async def drop(connection: Connection, workspace_id: WorkspaceId, events: Iterable[Event]) -> None:
    """Take away events that are dropped now; likewise the last statement of its transaction."""
    await _write(queries.drop, connection, workspace_id, events)


async def spellings(connection: Connection, workspace_id: WorkspaceId, names: Collection[str]) -> list[str]:
    """The names of stored events that the catalogue takes for one of these."""
    wanted = {fold_name(name) for name in names}
    rows = await connection.fetch(queries.all, workspace_id)
    return [row["name"] for row in rows if fold_name(row["name"]) in wanted]


async def dropped(connection: Connection, workspace_id: WorkspaceId) -> Mapping[str, int]:
    """How many events of each name retention has dropped, most of them first."""
    rows = await connection.fetch(queries.dropped, workspace_id)
    return {row["name"]: row["dropped"] for row in rows}


async def _write(
    query: str, connection: Connection, workspace_id: WorkspaceId, events: Iterable[Event]
) -> None:
    counts = sorted(_counted(events).items())
    if counts:
        names, tracked = zip(*(key for key, _ in counts), strict=True)
        times, first, last = zip(*(value for _, value in counts), strict=True)
        await connection.execute(query, workspace_id, names, tracked, times, first, last)


def _counted(events: Iterable[Event]) -> _Counts:
    counts: _Counts = {}
    for event in events:
        key = (counted_name(event), event.type in BEHAVIOUR)
        at = event.occurred_at
        known = counts.get(key)
        if known is None:
            counts[key] = (1, at, at)
        else:
            times, first, last = known
            counts[key] = (times + 1, min(first, at), max(last, at))
    return counts
