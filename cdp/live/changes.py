"""What a commit says about itself: the workspace, and the profiles that it touched."""

from __future__ import annotations

import base64
import struct
from collections.abc import Collection

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import ProfileId, WorkspaceId

_QUERIES = load_queries("cdp.live", "changes.sql")

TOUCHED = "cdp_settle"
"""Channel of what was touched by an event or a mutation; workers listen to it too."""
SETTLED = "cdp_settled"
"""Channel of what a worker settled."""

MOST_BUCKETS = 2_900
"""PostgreSQL takes a notification of less than 8,000 bytes; each bucket takes two, and base64 a third more."""

_SIXTEEN_BITS = 0xFFFF


def bucket(profile_id: ProfileId) -> int:
    """What a notification says of a profile: the last 16 bits of its id. Who shares them reads again in vain."""
    return profile_id & _SIXTEEN_BITS


def encode(workspace_id: WorkspaceId, profile_ids: Collection[ProfileId]) -> str:
    """The payload of a notification; where too many profiles were touched to name them, it says so."""
    buckets = {profile_id & _SIXTEEN_BITS for profile_id in profile_ids}
    if len(buckets) > MOST_BUCKETS:
        return f"{workspace_id} *"
    packed = base64.b64encode(struct.pack(f">{len(buckets)}H", *buckets))
    return f"{workspace_id} {packed.decode()}"


def decode(payload: str) -> tuple[WorkspaceId, frozenset[int] | None]:
    """Workspace and buckets of a payload; None: any profile.

    Raises:
        ValueError: nobody of ours wrote this.
    """
    workspace, named, packed = payload.partition(" ")
    workspace_id = WorkspaceId(int(workspace))
    if not named or packed == "*":
        return workspace_id, None
    data = base64.b64decode(packed, validate=True)
    if len(data) % 2:
        raise ValueError("The payload is cut short.")
    return workspace_id, frozenset(struct.unpack(f">{len(data) // 2}H", data))


async def note_settled(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Collection[ProfileId]
) -> None:
    """Tell whoever watches these profiles, once the transaction commits."""
    if profile_ids:
        await connection.execute(_QUERIES.notify, SETTLED, encode(workspace_id, profile_ids))


async def note_touched(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Collection[ProfileId]
) -> None:
    """Tell workers and whoever watches these profiles, or lists, once the transaction commits."""
    await connection.execute(_QUERIES.notify, TOUCHED, encode(workspace_id, profile_ids))
