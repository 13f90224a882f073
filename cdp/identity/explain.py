"""Why two identifiers are, or are not, one person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.errors import NotFound
from cdp.identity.parting import pair_of, shortest_chain
from cdp.identity.profiles import current_profile, queries
from cdp.model import Identifier, NodeId, ProfileId, WorkspaceId

MOST_LINKS = 5_000
"""Links of a profile that are looked at, those seen most often first."""
MOST_REFUSED = 100
"""Refused and cut links that are told."""


class ExplainedLink(Struct, frozen=True, kw_only=True):
    """What is known about one pair of identifiers."""

    one: Identifier
    other: Identifier
    state: str
    """`ACCEPTED`, `REFUSED` or `CUT`."""
    rule: str
    """Accepted: `seen_together`, `alias`, `page`, `manual`, `split_kept`; refused: `unique`, `limit`, `cut`, `veto`,
    `unproven`; cut: `split`."""
    reason: str | None
    """A sentence for a person; what the person wrote who merged or split."""
    evidence: dict[str, Any]
    """`{"messageId", "type", "source"}` of the first event, or `{"mutation", "by", "reason"}`."""
    times: int
    first_at: datetime
    last_at: datetime


class Explanation(Struct, frozen=True, kw_only=True):
    """Whether two are one person, and what speaks for it and against it."""

    one: ProfileId | None
    """The profile of the first today; None: the identifier was never seen."""
    other: ProfileId | None
    chain: tuple[ExplainedLink, ...]
    """The fewest accepted links from the first to the second, in walking order; empty where they are not one person,
    or are the same identifier."""
    refused: tuple[ExplainedLink, ...]
    """Links that touch either and that a rule forbade, those between the two first."""
    cut: tuple[ExplainedLink, ...]
    """Links that touch either and that a person cut, those between the two first."""

    @property
    def same(self) -> bool:
        """Whether the two are one person."""
        return self.one is not None and self.one == self.other


async def explain(
    connection: Connection,
    workspace_id: WorkspaceId,
    one: ProfileId | Identifier,
    other: ProfileId | Identifier,
) -> Explanation:
    """The shortest chain of accepted links between two identifiers (normalised) or profiles, and what was refused.

    A profile stands for the identifiers that were born in it, so that one that was merged away can be told from the
    one that it went into.

    Raises:
        NotFound: a profile id was never given out. An identifier that was never seen is an answer, not an error.
    """
    mine, my_nodes = await _end(connection, workspace_id, one)
    theirs, their_nodes = await _end(connection, workspace_id, other)
    if mine is None or theirs is None:
        return Explanation(one=mine, other=theirs, chain=(), refused=(), cut=())
    nodes = await connection.fetch(queries.nodes_of, workspace_id, sorted({mine, theirs}))
    whole = [NodeId(row["node_id"]) for row in nodes]
    chain: list[ExplainedLink] = []
    if mine == theirs:
        rows = await connection.fetch(queries.links_of, workspace_id, whole, ["ACCEPTED"], [mine], MOST_LINKS)
        accepted = {pair_of(row["node_a"], row["node_b"]): row for row in rows}
        reached = my_nodes
        for pair in shortest_chain(accepted, my_nodes, their_nodes) or ():
            forward = pair[0] in reached
            chain.append(_explained(accepted[pair], forward=forward))
            reached = {pair[1] if forward else pair[0]}
    against = await connection.fetch(
        queries.links_of, workspace_id, whole, ["REFUSED", "CUT"], [mine, theirs], MOST_REFUSED
    )
    return Explanation(
        one=mine,
        other=theirs,
        chain=tuple(chain),
        refused=_of_state(against, "REFUSED"),
        cut=_of_state(against, "CUT"),
    )


async def _end(
    connection: Connection, workspace_id: WorkspaceId, end: ProfileId | Identifier
) -> tuple[ProfileId | None, set[NodeId]]:
    """Today's profile of one end, and the nodes there that the end stands for."""
    if isinstance(end, Identifier):
        row = await connection.fetchrow(queries.find_node, workspace_id, end.kind, end.value)
        return (None, set()) if row is None else (ProfileId(row["profile_id"]), {NodeId(row["node_id"])})
    current = await current_profile(connection, workspace_id, end)
    if current is None:
        raise NotFound(f"There is no profile {end} in this workspace.")
    rows = await connection.fetch(queries.nodes_of, workspace_id, [current])
    born_here = {NodeId(row["node_id"]) for row in rows if row["born_profile_id"] == end}
    return current, born_here or {NodeId(row["node_id"]) for row in rows}


def _of_state(rows: Iterable[asyncpg.Record], state: str) -> tuple[ExplainedLink, ...]:
    return tuple(_explained(row) for row in rows if row["state"] == state)


def _explained(row: asyncpg.Record, *, forward: bool = True) -> ExplainedLink:
    ends = Identifier(row["kind_a"], row["value_a"]), Identifier(row["kind_b"], row["value_b"])
    one, other = ends if forward else ends[::-1]
    return ExplainedLink(
        one=one,
        other=other,
        state=row["state"],
        rule=row["rule"],
        reason=row["reason"],
        evidence=msgspec.json.decode(row["evidence"], type=dict[str, Any]),
        times=row["times"],
        first_at=row["first_at"],
        last_at=row["last_at"],
    )
