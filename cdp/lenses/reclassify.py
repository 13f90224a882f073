"""What a changed catalogue or half-life concerns is derived anew in the background, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cdp.db.pool import Connection, Database
from cdp.lenses import settlement
from cdp.lenses.names import spellings
from cdp.lenses.redo import lock_profiles, queries, redo, transaction
from cdp.model import NodeId, Workspace, WorkspaceId

CHUNK = 200
"""Nodes in one transaction."""

READ = 20_000
"""Events that are looked through in one transaction."""

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


async def reclassify_some(
    database: Database, workspace_id: WorkspaceId, *, now: datetime, limit: int = CHUNK
) -> bool:
    """Do one chunk of the oldest history that waits to be classified anew; the answer is whether more is left.

    First history is read by time, for nodes that have events of the names concerned; then these are derived anew.
    Several workers may call this: one works, the others hear that nothing is left for them.

    Raises:
        Unavailable: the database is away; nothing of this chunk was changed.
    """

    async def one(connection: Connection, workspace: Workspace) -> bool:
        row = await connection.fetchrow(queries.oldest_reclassification, workspace_id)
        if row is None:
            return False
        if row["events"] is not None and not row["read_through"]:
            await _read_on(connection, workspace_id, row)
            return True
        nodes = await _concerned(connection, workspace_id, row, limit)
        if nodes:
            profiles = await lock_profiles(connection, workspace_id, nodes)
            await redo(connection, workspace, nodes, profiles)
            await settlement.note(connection, workspace_id, profiles, now)
        cursor = nodes[-1] if nodes else row["node_cursor"]
        finished = None if nodes else now
        await connection.execute(
            queries.advance_reclassification, workspace_id, row["reclassification_id"], cursor, finished
        )
        if finished is not None:
            await connection.execute(queries.forget_nodes, workspace_id)
        waiting: int = await connection.fetchval(queries.open_reclassifications, workspace_id)
        return waiting > 0

    return await transaction(database, workspace_id, one)


async def _read_on(connection: Connection, workspace_id: WorkspaceId, row: Mapping[str, Any]) -> None:
    """Look through the next stretch of history for nodes that a reclassification concerns, however names are spelled.

    What is stored meanwhile is classified by the catalogue of today as it comes.
    """
    number, begin = row["reclassification_id"], row["read_to"] or _BEGINNING
    end = await connection.fetchval(queries.history_step, workspace_id, begin, READ) or _END
    names = await spellings(connection, workspace_id, row["events"])
    if names:
        await connection.execute(queries.note_nodes, workspace_id, number, names, begin, end)
    await connection.execute(queries.advance_reading, workspace_id, number, end if names else _END)


async def _concerned(
    connection: Connection, workspace_id: WorkspaceId, row: Mapping[str, Any], limit: int
) -> list[NodeId]:
    """The next nodes that have events of the names concerned; where no names are given, the next of all."""
    cursor = row["node_cursor"]
    if row["events"] is None:
        found = await connection.fetch(queries.next_nodes, workspace_id, cursor, limit)
    else:
        number = row["reclassification_id"]
        found = await connection.fetch(queries.noted_nodes, workspace_id, number, cursor, limit)
    return [NodeId(each["node_id"]) for each in found]
