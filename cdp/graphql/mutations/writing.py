"""One transaction of a mutation: locked like an ingest, views refreshed, settling noted; then the worker is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import stamina

from cdp import audit
from cdp.db.pool import Connection
from cdp.graphql.context import Context
from cdp.graphql.mutations.acts import record_act
from cdp.identity.store import RETRYABLE
from cdp.ingest import transaction
from cdp.lenses import settlement
from cdp.lenses import store as lenses
from cdp.live.changes import note_touched
from cdp.model import ProfileId, Workspace, WorkspaceId

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """What the work inside the transaction is given, and what it says it touched."""

    connection: Connection
    workspace: Workspace
    by: str
    """Name of the key that asks."""
    now: datetime
    touched: set[ProfileId] = field(default_factory=set)
    """Surviving profiles whose views must be derived anew; the work adds them."""
    gone: set[ProfileId] = field(default_factory=set)
    """Profiles that were merged into one of those."""

    @property
    def workspace_id(self) -> WorkspaceId:
        """The caller's workspace."""
        return self.workspace.workspace_id


async def write(context: Context, work: Callable[[Writing], Awaitable[T]]) -> T:
    """Do the work in one transaction, derive what it touched, and have that settled.

    The work may be repeated whole, when PostgreSQL undid it for another transaction: it writes to the database only.

    Raises:
        Unavailable: the database is away, or too busy with the same profiles.
    """
    result, touched = await _repeating(context, work)
    if touched:
        context.services.worker.wake(context.workspace_id, touched)
    return result


async def change(context: Context, work: Callable[[Connection, WorkspaceId, datetime], Awaitable[T]]) -> T:
    """Change the workspace itself, in one transaction, which no ingest runs beside.

    Raises:
        Unavailable: the database is away.
    """
    workspace_id = context.workspace_id
    services = context.services
    async with services.database.transaction(workspace_id) as connection:
        result = await work(connection, workspace_id, services.clock())
        await record_act(context, connection)
    services.workspaces.forget(workspace_id)
    services.worker.wake(workspace_id, frozenset())
    return result


@stamina.retry(on=RETRYABLE, attempts=8, timeout=8.0, wait_initial=0.01, wait_max=0.5, wait_jitter=0.05)
async def _repeating(
    context: Context, work: Callable[[Writing], Awaitable[T]]
) -> tuple[T, frozenset[ProfileId]]:
    workspace_id = context.workspace_id
    services = context.services
    audit.heard().clear()  # what an attempt recorded that was undone
    async with services.database.transaction(workspace_id) as connection:
        await transaction.lock(connection, workspace_id)
        writing = Writing(
            connection=connection,
            workspace=await services.workspaces.fresh(connection, workspace_id),
            by=context.caller.name,
            now=services.clock(),
        )
        result = await work(writing)
        touched = frozenset(writing.touched)
        if touched:
            await lenses.refresh(connection, workspace_id, sorted(touched))
            await settlement.note(connection, workspace_id, touched, writing.now, gone=writing.gone)
        else:
            await note_touched(connection, workspace_id, ())
        await record_act(context, connection)
        return result, touched
