"""One transaction: store once, resolve people and accounts, combine the summaries, note what is to be settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.accounts.store import resolve as resolve_accounts
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.identity.kinds import Kinds
from cdp.identity.store import Resolution
from cdp.identity.store import resolve as resolve_identity
from cdp.ingest import messages
from cdp.lenses import names, settlement
from cdp.lenses.additions import Changes
from cdp.lenses.fold import Folded, fold_events
from cdp.lenses.store import advance, combine
from cdp.model import AccountId, Event, NodeId, ProfileId, Workspace, WorkspaceId
from cdp.telemetry import stage

queries = load_queries("cdp.ingest", "store.sql")

_encode = msgspec.json.encode


class Stored(Struct, frozen=True, kw_only=True):
    """What a transaction did."""

    fresh: list[bool]
    """Per event: whether it is stored now, rather than known before or repeated within the batch."""
    touched: frozenset[ProfileId]
    """Profiles whose views changed."""


async def lock(connection: Connection, workspace_id: WorkspaceId) -> None:
    """Hold off changes of settings and catalogue until the transaction ends; the first lock that ingest takes."""
    await connection.execute(queries.lock_workspace, workspace_id)


async def store(
    connection: Connection, workspace: Workspace, events: Sequence[Event], kinds: Kinds, now: datetime
) -> Stored:
    """Store events that are not stored yet and bring every view up to date, in the caller's transaction.

    The caller holds the workspace's `lock` and read `workspace` under it.
    """
    with stage("flush.messages"):
        fresh = await messages.remember(connection, workspace.workspace_id, events, now)
    new = [event for event, is_fresh in zip(events, fresh, strict=True) if is_fresh]
    if not new:
        return Stored(fresh=fresh, touched=frozenset())
    with stage("flush.identity"):
        resolution = await resolve_identity(connection, workspace.workspace_id, new, kinds, now)
    with stage("flush.accounts"):
        account_of = await resolve_accounts(
            connection, workspace.workspace_id, new, resolution, workspace, now
        )
    items = list(zip(new, resolution.node_of, account_of, strict=True))
    with stage("flush.fold"):
        folded = fold_events(items, workspace)
    with stage("flush.events"):
        await _store_events(connection, workspace.workspace_id, items, folded)
    with stage("flush.combine"):
        await combine(connection, workspace.workspace_id, folded.summaries)
    touched = frozenset(resolution.touched)
    with stage("flush.refresh"):
        await advance(connection, workspace.workspace_id, folded.summaries, _changes(resolution), now)
    with stage("flush.note"):
        await settlement.note(connection, workspace.workspace_id, touched, now, gone=resolution.gone)
        await names.count(connection, workspace.workspace_id, new)
    return Stored(fresh=fresh, touched=touched)


def _changes(resolution: Resolution) -> Changes:
    return Changes(
        profile_of=resolution.profile_of,
        born=resolution.born,
        renamed={resolution.profile_of[node_id] for node_id, _ in resolution.new_nodes},
        joined=resolution.joined,
        anew=resolution.anew,
    )


async def _store_events(
    connection: Connection,
    workspace_id: WorkspaceId,
    items: Sequence[tuple[Event, NodeId, AccountId]],
    folded: Folded,
) -> None:
    events = [event for event, _, _ in items]
    await connection.execute(
        queries.store_events,
        workspace_id,
        [event.occurred_at for event in events],
        [event.received_at for event in events],
        [event.message_id for event in events],
        [event.type for event in events],
        [event.name for event in events],
        [node for _, node, _ in items],
        [account for _, _, account in items],
        folded.intent,
        folded.usage,
        [event.source for event in events],
        [_encode(event.properties) for event in events],
        [_encode(event.context) for event in events],
    )
