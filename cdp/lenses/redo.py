"""Derive some nodes anew from their events and from what dropped ones left, under the locks of their profiles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import asyncpg
import msgspec
import stamina
from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import Unavailable
from cdp.lenses import base
from cdp.lenses.fold import Item, fold_events
from cdp.lenses.store import combine, refresh
from cdp.lenses.summaries import Summaries
from cdp.model import AccountId, Event, EventType, NodeId, ProfileId, Workspace, WorkspaceId
from cdp.workspaces import store

queries = load_queries("cdp.lenses", "rebuild.sql")

CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""What two writers may do to each other; the transaction that hears of it is to be repeated whole."""

_Result = TypeVar("_Result")
_ATTEMPTS = 20
_BATCH = 1_000

Snapshot = dict[tuple[str, str], str]
"""(table, place) → row."""


class Redone(Struct, frozen=True, kw_only=True):
    """What was derived anew."""

    events: int
    reclassified: int
    """Events that feed other panels than was written beside them."""


async def transaction(
    database: Database,
    workspace_id: WorkspaceId,
    work: Callable[[Connection, Workspace], Awaitable[_Result]],
) -> _Result:
    """Run `work` in a transaction that holds off changes of the catalogue; again where another writer intervened."""
    async for attempt in stamina.retry_context(on=CONTENDED, attempts=10, timeout=60.0, wait_initial=0.02):
        with attempt:
            async with database.transaction(workspace_id) as connection:
                await connection.execute(queries.lock_workspace, workspace_id)
                return await work(connection, await store.load(connection, workspace_id))
    raise AssertionError("stamina raises what it gives up on")


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
    """Forget the summaries of some nodes, fold all their events again onto what dropped ones left, and refresh their
    (locked) profiles. Events are read in batches, so that a node may have any number of them.
    """
    workspace_id = workspace.workspace_id
    summaries = await base.of_nodes(connection, workspace, nodes)
    events = reclassified = 0
    batch: list[Mapping[str, Any]] = []

    async def fold_batch() -> None:
        nonlocal events, reclassified
        events += len(batch)
        changed = _fold_rows(batch, workspace, summaries)
        reclassified += len(changed)
        if changed:
            times = [row["occurred_at"] for row in batch]
            await connection.execute(
                queries.classify_events, workspace_id, *zip(*changed, strict=True), min(times), max(times)
            )
        batch.clear()

    async for row in connection.cursor(queries.events_of, workspace_id, list(nodes), prefetch=_BATCH):
        batch.append(row)
        if len(batch) >= _BATCH:
            await fold_batch()
    await fold_batch()
    await connection.execute(queries.delete_summaries, workspace_id, list(nodes))
    await combine(connection, workspace_id, summaries)
    await compact_days(connection, workspace_id, nodes)
    await refresh(connection, workspace_id, profiles)
    return Redone(events=events, reclassified=reclassified)


async def compact_days(connection: Connection, workspace_id: WorkspaceId, nodes: Sequence[NodeId]) -> None:
    """Forget days of usage that no view looks at, now or later.

    Windows have 400 days at most and end no earlier than the last usage; so days more than 400 before the last one of
    the same node in the same account never count.
    """
    await connection.execute(queries.compact_days, workspace_id, list(nodes))
    await connection.execute(queries.compact_base_days, workspace_id, list(nodes))


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
    items = [item_of(row) for row in rows]
    folded = fold_events(items, workspace)
    summaries.add(folded.summaries)
    return [
        (row["occurred_at"], row["event_id"], intent, usage)
        for row, intent, usage in zip(rows, folded.intent, folded.usage, strict=True)
        if row["intent"] != intent or row["usage"] != usage
    ]


def item_of(row: Mapping[str, Any]) -> Item:
    """An event as it was stored, with its node and account; its identifiers are not needed any more."""
    event = Event(
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
    return event, NodeId(row["node_id"]), AccountId(row["account_id"])
