"""What pages say without proof: what it is to be judged by, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cdp.db.pool import Connection
from cdp.identity import graph
from cdp.identity.kinds import WEAK
from cdp.identity.profiles import queries
from cdp.model import Event, Identifier, NodeId, ProfileId, WorkspaceId

DEMANDED = graph.Refusal(
    rule=graph.UNPROVEN, reason="A web page says so without proof, and this workspace demands proof."
)


async def resting(
    connection: Connection,
    workspace_id: WorkspaceId,
    pivots: set[Identifier],
    node_ids: Mapping[Identifier, NodeId],
) -> set[Identifier]:
    """Which of these devices are tied to somebody by no more than the word of pages; nothing is asked about none."""
    if not pivots:
        return pivots
    devices = {node_ids[one]: one for one in pivots}
    rows = await connection.fetch(queries.anchored, workspace_id, list(devices), sorted(WEAK))
    return pivots - {devices[row["node_id"]] for row in rows}


def proofs_of(evidence: Sequence[Event]) -> dict[int, tuple[Identifier, ...]]:
    """By index, of those that pages sent, which identifiers are proven."""
    return {index: event.proven for index, event in enumerate(evidence) if event.proven is not None}


def refused(
    evidence: Sequence[Event], home: Mapping[Identifier, ProfileId], decision: graph.Decision
) -> Iterator[graph.Link]:
    """Links that were not even tried: of the visitors of pages to known people whom the page took them for."""
    for index, event in enumerate(evidence):
        for claimed in event.unproven:
            visitor = event.identifiers[0]
            known = home.get(claimed)
            if known is not None and decision.merged.get(known, known) != decision.component_of[visitor]:
                yield graph.Link(pair=(claimed, visitor), refusal=DEMANDED, sightings=[index])
