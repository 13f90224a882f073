"""A person says that some identifiers of a profile are somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from cdp.db.pool import Connection
from cdp.errors import BadInput, Conflict
from cdp.identity import graph
from cdp.identity.kinds import DEFAULT_KINDS, Kinds
from cdp.identity.parting import Alias, old_selves, part
from cdp.identity.profiles import lock, nodes_of, queries
from cdp.model import Identifier, NodeId, ProfileId, WorkspaceId

_DEFAULT: Kinds = {kind.name: kind for kind in DEFAULT_KINDS}


async def split(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_id: ProfileId,
    identifiers: Sequence[Identifier],
    *,
    by: str,
    reason: str | None,
    now: datetime,
    kinds: Kinds = _DEFAULT,
) -> tuple[ProfileId, ProfileId]:
    """Move identifiers (normalised) into a profile of their own; the answer is who remains and who is separated.

    Exact: facts hang on nodes, so both sides read as if they had never been joined. The links between them become cut,
    and nothing but a merge by a person joins them again. A side that was a profile of its own gets its old id back.
    The caller refreshes both and notes them for settling.

    Raises:
        NotFound: there is no such profile.
        BadInput: no identifiers, or one that is not of this profile.
        Conflict: they are all that the profile has.
    """
    (remaining,) = await lock(connection, workspace_id, [profile_id])
    nodes = await nodes_of(connection, workspace_id, remaining, kinds)
    leaving = _leaving(nodes, identifiers)
    parting = part(
        [node_id for node_id, _ in nodes],
        [
            (NodeId(row["node_a"]), NodeId(row["node_b"]))
            for row in await connection.fetch(queries.accepted_links, workspace_id, remaining)
        ],
        leaving,
    )
    separated = await _move(connection, workspace_id, remaining, leaving, now)
    evidence = msgspec.json.encode({"mutation": "profileSplit", "by": by, "reason": reason}).decode()
    await connection.execute(
        queries.cut_links,
        workspace_id,
        [one for one, _ in parting.cut],
        [other for _, other in parting.cut],
        reason,
        evidence,
        now,
    )
    if kept := parting.kept:
        count = len(kept)
        await connection.execute(
            queries.note_links,
            workspace_id,
            [one for one, _ in kept],
            [other for _, other in kept],
            *(["ACCEPTED"] * count, [graph.SPLIT_KEPT] * count, [reason] * count, [evidence] * count),
            *([1] * count, [now] * count, [now] * count),
        )
    return remaining, separated


def _leaving(nodes: Sequence[tuple[NodeId, Identifier]], identifiers: Sequence[Identifier]) -> list[NodeId]:
    node_of = {identifier: node_id for node_id, identifier in nodes}
    if not identifiers:
        raise BadInput("Name at least one identifier that is to leave.", field=("identifiers",))
    for index, identifier in enumerate(identifiers):
        if identifier not in node_of:
            raise BadInput(
                f"This profile has no {identifier.kind} {identifier.value!r}.",
                field=("identifiers", str(index)),
            )
    leaving = {node_of[identifier] for identifier in identifiers}
    if len(leaving) == len(nodes):
        raise Conflict(
            "These are all identifiers of the profile; leave at least one with it.", field=("identifiers",)
        )
    return sorted(leaving)


async def _move(
    connection: Connection,
    workspace_id: WorkspaceId,
    remaining: ProfileId,
    leaving: Sequence[NodeId],
    now: datetime,
) -> ProfileId:
    """Give the nodes that leave their own old profile, or a new one."""
    rows = await connection.fetch(queries.nodes_of, workspace_id, [remaining])
    aliases = await connection.fetch(queries.aliases_of, workspace_id, remaining)
    selves = old_selves(
        {NodeId(row["node_id"]): ProfileId(row["born_profile_id"]) for row in rows},
        leaving,
        [Alias(profile_id=row["profile_id"], merge_order=row["merge_order"]) for row in aliases],
    )
    separated = selves.separated
    if separated is None:
        separated = ProfileId(await connection.fetchval(queries.bear_profile, workspace_id, now))
    await connection.execute(
        queries.separate_profile, workspace_id, remaining, separated, list(leaving), list(selves.following)
    )
    return separated
