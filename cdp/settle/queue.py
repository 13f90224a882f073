"""The table of touched profiles, from which workers take by lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import ProfileId, WorkspaceId

queries = load_queries("cdp.settle", "store.sql")

_LONGEST_WAIT = timedelta(hours=1)


class Held(Struct, frozen=True, kw_only=True):
    """A profile that this worker may settle while its lease lasts."""

    profile_id: ProfileId
    version: int
    """Grows whenever the profile is touched; settled is only what has not been touched since."""
    attempts: int
    """Times that it has been taken in a row without success, this one included."""


class Waiting(Struct, frozen=True, kw_only=True):
    """What waits in one workspace."""

    workspace_id: WorkspaceId
    profiles: int
    oldest: datetime | None
    reclassifications: int


async def waiting(connection: Connection) -> list[Waiting]:
    """All workspaces, those first whose profiles have waited longest; the connection is bound to none."""
    rows = await connection.fetch(queries.workspaces)
    return [
        Waiting(
            workspace_id=WorkspaceId(row["workspace_id"]),
            profiles=row["waiting"],
            oldest=row["oldest"],
            reclassifications=row["reclassifying"],
        )
        for row in rows
    ]


async def claim(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, *, limit: int, lease: float, now: datetime
) -> list[Held]:
    """Take profiles that are due, for `lease` seconds, in the name of `token`."""
    rows = await connection.fetch(queries.claim, workspace_id, now, limit, lease, token)
    return [
        Held(profile_id=ProfileId(row["profile_id"]), version=row["version"], attempts=row["attempts"])
        for row in rows
    ]


async def hold(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, held: Sequence[Held]
) -> list[Held]:
    """Those whose lease is still ours; locked, as their nodes and profiles are, until the transaction ends."""
    profile_ids = [one.profile_id for one in held]
    await connection.execute(queries.lock_nodes, workspace_id, profile_ids)
    await connection.execute(queries.lock_profiles, workspace_id, profile_ids)
    rows = await connection.fetch(queries.hold, workspace_id, profile_ids, token)
    ours = {row["profile_id"] for row in rows}
    return [one for one in held if one.profile_id in ours]


async def finish(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, settled: Sequence[Held]
) -> None:
    """These are settled; who was touched meanwhile is due at once."""
    if settled:
        profile_ids = [one.profile_id for one in settled]
        versions = [one.version for one in settled]
        await connection.execute(queries.finish, workspace_id, profile_ids, versions, token)
        await connection.execute(queries.release, workspace_id, profile_ids, token)


async def postpone(
    connection: Connection,
    workspace_id: WorkspaceId,
    token: UUID,
    unsettled: Sequence[Held],
    *,
    now: datetime,
) -> None:
    """These are to be tried again, after a wait that doubles from 2 seconds to an hour."""
    if unsettled:
        await connection.execute(
            queries.postpone,
            workspace_id,
            [one.profile_id for one in unsettled],
            [one.version for one in unsettled],
            [now + min(_LONGEST_WAIT, timedelta(seconds=2 ** min(one.attempts, 12))) for one in unsettled],
            token,
        )
