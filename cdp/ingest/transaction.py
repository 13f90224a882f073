"""One transaction: store once, resolve people and accounts, combine the summaries, note what is to be settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from cdp.accounts.store import resolve as resolve_accounts
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.identity.kinds import Kinds
from cdp.identity.store import resolve as resolve_identity
from cdp.ingest.prepare import Prepared, placed, prepare, renewed
from cdp.lenses import settlement
from cdp.lenses.store import combine, refresh
from cdp.model import AccountId, Event, NodeId, ProfileId, Workspace, WorkspaceId

queries = load_queries("cdp.ingest", "store.sql")


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
    connection: Connection,
    workspace: Workspace,
    events: Sequence[Event],
    kinds: Kinds,
    now: datetime,
    *,
    prepared: Sequence[Prepared] = (),
    attributed: Callable[[], None] = lambda: None,
) -> Stored:
    """Store events that are not stored yet and bring every view up to date, in the caller's transaction.

    The caller holds the workspace's `lock` and read `workspace` under it. `prepared` is of the same events, where they
    were prepared before; `attributed` is called when all that is left is long statements.
    """
    parts = prepared or (prepare(events, workspace),)
    fresh = await _store_messages(
        connection, workspace.workspace_id, [hash_ for part in parts for hash_ in part.hashes], now
    )
    parts = renewed(parts, fresh, workspace)
    if not parts:
        return Stored(fresh=fresh, touched=frozenset())
    new = [event for part in parts for event in part.events]
    resolution = await resolve_identity(connection, workspace.workspace_id, new, kinds, now)
    account_of = await resolve_accounts(connection, workspace.workspace_id, new, resolution, workspace, now)
    attributed()
    await _store_events(connection, workspace.workspace_id, parts, resolution.node_of, account_of)
    await combine(connection, workspace.workspace_id, placed(parts, resolution.node_of, account_of))
    touched = frozenset(resolution.touched)
    await refresh(connection, workspace.workspace_id, touched)
    await settlement.note(connection, workspace.workspace_id, touched, now)
    return Stored(fresh=fresh, touched=touched)


async def _store_messages(
    connection: Connection, workspace_id: WorkspaceId, hashes: Sequence[str], now: datetime
) -> list[bool]:
    """Per message id, whether it is new. Sorted, so that two processes that hold the same ids take turns."""
    first: dict[str, int] = {}
    for index, hash_ in enumerate(hashes):
        first.setdefault(hash_, index)
    known = await connection.fetch(queries.store_messages, workspace_id, sorted(first), now)
    for (hash_,) in known:
        del first[hash_]
    if len(first) == len(hashes):
        return [True] * len(hashes)
    fresh = [False] * len(hashes)
    for index in first.values():
        fresh[index] = True
    return fresh


async def _store_events(
    connection: Connection,
    workspace_id: WorkspaceId,
    parts: Sequence[Prepared],
    node_of: Sequence[NodeId],
    account_of: Sequence[AccountId],
) -> None:
    events = [event for part in parts for event in part.events]
    await connection.execute(
        queries.store_events,
        workspace_id,
        [event.occurred_at for event in events],
        [event.received_at for event in events],
        [event.message_id for event in events],
        [event.type for event in events],
        [event.name for event in events],
        node_of,
        account_of,
        [intent for part in parts for intent in part.folded.intent],
        [usage for part in parts for usage in part.folded.usage],
        [event.source for event in events],
        [text for part in parts for text in part.properties],
        [text for part in parts for text in part.contexts],
    )
