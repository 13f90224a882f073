"""Resolving everybody anew, or everybody of one account: people are handed to the settling worker a chunk at a time."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.lenses import settlement
from cdp.model import AccountId, ProfileId, WorkspaceId

queries = load_queries("cdp.roles", "backfill.sql")

CHUNK = 500
"""People that are handed over together; the next come when these are settled, so that who did something goes first."""
_FEW = 100
"""While so many wait, nobody is handed over."""
_REMEMBERED = 20
"""So many backfills of everybody are listed."""


class Backfill(Struct, frozen=True, kw_only=True):
    """How far it has come."""

    backfill_id: int
    reason: str
    """Why, in words."""
    total: int
    """People, counted when it started."""
    done: int
    """Of these, how many were handed to the worker; at most a chunk of them is not settled yet."""
    started_at: datetime
    finished_at: datetime | None


async def start(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    reason: str,
    account_id: AccountId | None = None,
    now: datetime,
) -> int:
    """Have everybody of the workspace, or of an account, resolved anew; how many that are."""
    if account_id is None:
        await connection.execute(queries.supersede, workspace_id, now)
    row = await connection.fetchrow(queries.start, workspace_id, account_id, reason, now)
    return int(row["total"])


async def backfill_some(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> bool:
    """Hand over the next chunk, if the one before is settled; whether something was done.

    Raises:
        Unavailable: the database is away; nothing was handed over.
    """
    async with database.transaction(workspace_id) as connection:
        row = await connection.fetchrow(queries.oldest, workspace_id)
        if row is None:
            return False
        if row["read_through"]:
            if await connection.fetchval(queries.unsettled, workspace_id, now, row["handed_over_at"]):
                return False
            await connection.execute(queries.finish, workspace_id, row["backfill_id"], now)
            await connection.execute(queries.forget, workspace_id, _REMEMBERED)
            return True
        if await connection.fetchval(queries.waiting, workspace_id, now, _FEW) == _FEW:
            return False
        given = (workspace_id, row["profile_cursor"], CHUNK)
        found = (
            await connection.fetch(queries.next_people, *given)
            if row["account_id"] is None
            else await connection.fetch(queries.next_members, *given, row["account_id"])
        )
        people = [ProfileId(one["profile_id"]) for one in found]
        await settlement.note(connection, workspace_id, people, now)
        await connection.execute(
            queries.advance,
            workspace_id,
            row["backfill_id"],
            people[-1] if people else row["profile_cursor"],
            len(people),
            len(people) < CHUNK,
            now,
        )
        return True


async def recent(connection: Connection, workspace_id: WorkspaceId) -> list[Backfill]:
    """Those of everybody, the latest first."""
    return [
        Backfill(
            backfill_id=row["backfill_id"],
            reason=row["reason"],
            total=row["total"],
            done=row["handed_over"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
        )
        for row in await connection.fetch(queries.recent, workspace_id, _REMEMBERED)
    ]
