"""A person says that two profiles are one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cdp.db.pool import Connection
from cdp.errors import Conflict
from cdp.identity import graph
from cdp.identity.kinds import DEFAULT_KINDS, Kinds
from cdp.identity.parting import pair_of
from cdp.identity.profiles import lock, nodes_of, queries
from cdp.model import ProfileId, WorkspaceId

_DEFAULT: Kinds = {kind.name: kind for kind in DEFAULT_KINDS}


async def merge(
    connection: Connection,
    workspace_id: WorkspaceId,
    into: ProfileId,
    from_: ProfileId,
    *,
    by: str,
    reason: str | None,
    now: datetime,
    kinds: Kinds = _DEFAULT,
) -> ProfileId:
    """Join two profiles, whatever uniqueness, limits and earlier cuts say; the answer is the survivor, which is `into`.

    Ids that were merged away before stand for their survivors. The link between the strongest identifiers of both
    carries who asked and why. The caller refreshes the survivor and notes it for settling.

    Raises:
        NotFound: there is no such profile.
        Conflict: they are one already.
    """
    survivor, loser = await lock(connection, workspace_id, [into, from_])
    if survivor == loser:
        raise Conflict("These two are one profile already.", field=("from",))
    mine = await nodes_of(connection, workspace_id, survivor, kinds)
    theirs = await nodes_of(connection, workspace_id, loser, kinds)
    await connection.execute(queries.delete_cuts, workspace_id, survivor, loser)
    node_a, node_b = pair_of(mine[0][0], theirs[0][0])
    evidence = msgspec.json.encode({"mutation": "profileMerge", "by": by, "reason": reason}).decode()
    await connection.execute(
        queries.note_links,
        workspace_id,
        *([node_a], [node_b], ["ACCEPTED"], [graph.MANUAL], [reason], [evidence], [1], [now], [now]),
    )
    await connection.execute(queries.merge_profiles, workspace_id, [loser], [survivor], now)
    return survivor
