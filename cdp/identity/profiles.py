"""From ids and identifiers to the profiles that they lead to today, read or locked."""

from __future__ import annotations

from collections.abc import Sequence

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import NotFound, Unavailable
from cdp.identity.kinds import Kinds, kind_of
from cdp.model import Identifier, NodeId, ProfileId, WorkspaceId

queries = load_queries("cdp.identity", "identity.sql")

_ATTEMPTS = 20
"""How often a profile may be merged away while we wait for it."""


async def find(connection: Connection, workspace_id: WorkspaceId, identifier: Identifier) -> ProfileId | None:
    """The profile that an identifier (normalised) points at; None: it was never seen."""
    found = await connection.fetchval(queries.find_profile, workspace_id, identifier.kind, identifier.value)
    return None if found is None else ProfileId(found)


async def current_profile(
    connection: Connection, workspace_id: WorkspaceId, profile_id: ProfileId
) -> ProfileId | None:
    """The profile that an id leads to today: itself, or the one that it was merged into; None: there is none."""
    return (await current_profiles(connection, workspace_id, [profile_id])).get(profile_id)


async def current_profiles(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Sequence[ProfileId]
) -> dict[ProfileId, ProfileId]:
    """`current_profile` of many; ids that were never given out are missing."""
    rows = await connection.fetch(queries.current_profiles, workspace_id, list(profile_ids))
    return {ProfileId(row["profile_id"]): ProfileId(row["current"]) for row in rows}


async def nodes_of(
    connection: Connection, workspace_id: WorkspaceId, profile_id: ProfileId, kinds: Kinds
) -> list[tuple[NodeId, Identifier]]:
    """The nodes of a profile, the strongest first: what a person states by mutation hangs on that one."""
    rows = await connection.fetch(queries.nodes_of, workspace_id, [profile_id])
    nodes = [(NodeId(row["node_id"]), Identifier(row["kind"], row["value"])) for row in rows]
    return sorted(nodes, key=lambda node: (kind_of(kinds, node[1].kind).priority, node[0]))


async def lock(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Sequence[ProfileId]
) -> list[ProfileId]:
    """Lock the profiles that these ids lead to, for a mutation; the answer is in the order of `profile_ids`.

    Raises:
        NotFound: one of them was never given out.
        Unavailable: they kept being merged.
    """
    for _ in range(_ATTEMPTS):
        current = await current_profiles(connection, workspace_id, profile_ids)
        if missing := [one for one in profile_ids if one not in current]:
            raise NotFound(f"There is no profile {missing[0]} in this workspace.")
        rows = await connection.fetch(queries.lock_profiles, workspace_id, sorted(set(current.values())))
        if all(row["merged_into"] is None for row in rows):
            return [current[one] for one in profile_ids]
    raise Unavailable("These profiles are being merged all the time; try again in a moment.")
