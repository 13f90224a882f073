"""Reading the log: for those who look at it, export it, or verify it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from cdp.audit.recording import queries
from cdp.audit.verifying import Anchor, Chained, Verification
from cdp.db.pool import Connection, Database
from cdp.model import WorkspaceId

_CHUNK = 5_000


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a workspace's log."""

    sequence: int
    """1, 2, 3 … without a gap."""
    at: datetime
    principal: str
    """Stable name of who did it: `key:12`, `token:3:ann`, `operator`, …"""
    name: str
    """What people called that principal at the time."""
    role: str
    purpose: str | None
    act: str
    object: str
    detail: dict[str, Any]


async def head(connection: Connection, workspace_id: WorkspaceId) -> Anchor | None:
    """The latest entry's number and hash; None: there is no entry."""
    row = await connection.fetchrow(queries.head, workspace_id)
    return None if row is None else Anchor(row["sequence"], row["hash"])


async def latest(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    act: str | None = None,
    principal: str | None = None,
    limit: int = 50,
) -> list[Entry]:
    """The latest entries, all of them or those of an act or of a principal, the latest first."""
    rows = await connection.fetch(queries.latest, workspace_id, act, principal, limit)
    return [Entry(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in rows]


async def chained(
    database: Database,
    workspace_id: WorkspaceId,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[Sequence[Chained]]:
    """The entries of a time, the oldest first, some thousand at once."""
    last = 0
    while True:
        async with database.connection(workspace_id) as connection:
            rows = await connection.fetch(queries.chained, workspace_id, last, _CHUNK, since, until)
        if not rows:
            return
        yield [Chained(Raw(row["text"].encode()), row["previous"], row["hash"]) for row in rows]
        last = rows[-1]["sequence"]


async def verify(
    database: Database, workspace_id: WorkspaceId, anchors: Iterable[Anchor] = ()
) -> Verification:
    """Go through a workspace's whole log; what is wrong with it stands in the answer's `flaws`."""
    verification = Verification(anchors)
    async for some in chained(database, workspace_id):
        for one in some:
            verification.take(one)
    verification.end()
    return verification
