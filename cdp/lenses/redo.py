"""Derive some nodes anew from their events, under the locks of their profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import Unavailable
from cdp.lenses.fold import fold_events
from cdp.lenses.store import combine, refresh
from cdp.lenses.summaries import Summaries
from cdp.model import AccountId, Event, EventType, NodeId, ProfileId, Workspace, WorkspaceId

queries = load_queries("cdp.lenses", "rebuild.sql")

CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""What two writers may do to each other; the transaction that hears of it is to be repeated whole."""

_ATTEMPTS = 20
_BATCH = 1_000

Snapshot = dict[tuple[str, str], str]
"""(table, place) → row."""


class Redone(Struct, frozen=True, kw_only=True):
    """What was derived anew."""

    events: int
    reclassified: int
    """Events that feed other panels than was written beside them."""


async def lock_profiles(
    connection: Connection, workspace_id: WorkspaceId, nodes: Sequence[NodeId]
) -> list[ProfileId]:
    """Lock the profiles of some nodes, also against merges that move a node while we wait; in ascending order.

    Raises:
        Unavailable: the nodes kept moving.
    """
    wanted = await _profiles_of(connection, workspace_id, nodes)
    for _ in range(_ATTEMPTS):
        savepoint = connection.transaction()
        await savepoint.start()
        await connection.fetch(queries.lock_profiles, workspace_id, sorted(wanted))
        found = await _profiles_of(connection, workspace_id, nodes)
        if found <= wanted:
            await savepoint.commit()
            return sorted(found)
        # Locks must be taken in one ascending sweep: let go, and sweep over all of them.
        await savepoint.rollback()
        wanted |= found
    raise Unavailable("These profiles are being merged all the time; try again in a moment.")


async def redo(
    connection: Connection, workspace: Workspace, nodes: Sequence[NodeId], profiles: Sequence[ProfileId]
) -> Redone:
    """Forget the summaries of some nodes, fold all their events again, and refresh their (locked) profiles."""
    workspace_id = workspace.workspace_id
    summaries = Summaries()
    changed: list[tuple[Any, int, bool, bool]] = []
    events = 0
    batch: list[Mapping[str, Any]] = []
    async for row in connection.cursor(queries.events_of, workspace_id, list(nodes), prefetch=_BATCH):
        batch.append(row)
        if len(batch) >= _BATCH:
            events += len(batch)
            changed += _fold_rows(batch, workspace, summaries)
            batch = []
    events += len(batch)
    changed += _fold_rows(batch, workspace, summaries)
    await connection.execute(queries.delete_summaries, workspace_id, list(nodes))
    await combine(connection, workspace_id, summaries)
    if changed:
        await connection.execute(queries.classify_events, workspace_id, *zip(*changed, strict=True))
    await refresh(connection, workspace_id, profiles)
    return Redone(events=events, reclassified=len(changed))


async def snapshot(
    connection: Connection,
    workspace_id: WorkspaceId,
    nodes: Sequence[NodeId],
    profiles: Sequence[ProfileId],
) -> Snapshot:
    """All that is derived for some nodes and profiles, to be compared."""
    rows = await connection.fetch(queries.snapshot, workspace_id, list(nodes), list(profiles))
    return {(row["tbl"], row["place"]): row["value"] for row in rows}


async def _profiles_of(
    connection: Connection, workspace_id: WorkspaceId, nodes: Sequence[NodeId]
) -> set[ProfileId]:
    rows = await connection.fetch(queries.profiles_of, workspace_id, list(nodes))
    return {ProfileId(row["profile_id"]) for row in rows}


def _fold_rows(
    rows: Sequence[Mapping[str, Any]], workspace: Workspace, summaries: Summaries
) -> list[tuple[Any, int, bool, bool]]:
    """Add some stored events to the summaries; the answer is what is to be written beside those that changed panels."""
    items = [(_event(row), NodeId(row["node_id"]), AccountId(row["account_id"])) for row in rows]
    folded = fold_events(items, workspace)
    summaries.add(folded.summaries)
    return [
        (row["occurred_at"], row["event_id"], intent, usage)
        for row, intent, usage in zip(rows, folded.intent, folded.usage, strict=True)
        if row["intent"] != intent or row["usage"] != usage
    ]


def _event(row: Mapping[str, Any]) -> Event:
    """An event as it was stored; its identifiers are not needed any more."""
    return Event(
        message_id=row["message_id"],
        type=EventType(row["type"]),
        name=row["name"],
        occurred_at=row["occurred_at"],
        received_at=row["received_at"],
        identifiers=(),
        properties=msgspec.json.decode(row["properties"]),
        context=msgspec.json.decode(row["context"]),
        source=row["source"],
    )
