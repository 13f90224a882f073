"""Days of usage that no view looks at any more are forgotten: what is kept of a person is bounded, however long."""

from __future__ import annotations

from datetime import datetime, timedelta

from cdp.db.pool import Connection, Database
from cdp.lenses.redo import compact_days, lock_profiles, queries, transaction
from cdp.model import NodeId, Workspace, WorkspaceId

CHUNK = 200
"""Nodes in one transaction."""

EVERY = timedelta(days=30)
"""How often each node is looked at."""

_TASK = "compact_days"


async def compact_some(
    database: Database, workspace_id: WorkspaceId, *, now: datetime, limit: int = CHUNK
) -> bool:
    """Go through one chunk of a workspace's nodes; the answer is whether more are left of this month's round.

    Several workers may call this: one works, the others hear that nothing is left for them.

    Raises:
        Unavailable: the database is away; nothing of this chunk was changed.
    """

    async def one(connection: Connection, _: Workspace) -> bool:
        row = await connection.fetchrow(queries.claim_progress, workspace_id, _TASK)
        if row is None and await connection.fetchrow(queries.progress_of, workspace_id, _TASK) is not None:
            return False
        if row is None or (row["finished_at"] is not None and now - row["begun_at"] >= EVERY):
            await connection.execute(queries.begin_progress, workspace_id, _TASK, "{}", now)
            cursor = 0
        elif row["finished_at"] is not None:
            return False
        else:
            cursor = row["node_cursor"]
        found = await connection.fetch(queries.next_nodes, workspace_id, cursor, limit)
        nodes = [NodeId(each["node_id"]) for each in found]
        if not nodes:
            await connection.execute(queries.finish_progress, workspace_id, _TASK, now)
            return False
        await lock_profiles(connection, workspace_id, nodes)
        await compact_days(connection, workspace_id, nodes)
        await connection.execute(queries.advance_progress, workspace_id, _TASK, nodes[-1], "{}", now)
        return True

    return await transaction(database, workspace_id, one)
