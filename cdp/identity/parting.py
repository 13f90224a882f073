"""Pure decisions on how a profile falls apart, and on the shortest chain of links between its identifiers."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from cdp.model import NodeId, ProfileId

Pair = tuple[NodeId, NodeId]
"""Two nodes, the smaller id first."""


class Parting(Struct, frozen=True, kw_only=True):
    """What a split does to the links."""

    cut: tuple[Pair, ...]
    """Between the two sides from now on; never empty."""
    kept: tuple[Pair, ...]
    """New links that hold together a side whose evidence went with the other one."""


class Alias(Struct, frozen=True, kw_only=True):
    """A profile that was merged into the one that is split."""

    profile_id: ProfileId
    merge_order: int
    """Larger for later merges."""


class Selves(Struct, frozen=True, kw_only=True):
    """Which old ids go with the side that leaves."""

    separated: ProfileId | None
    """The id that it gets back; None: it never had one of its own."""
    following: tuple[ProfileId, ...]
    """Aliases that resolve to the separated side from now on."""


def pair_of(one: NodeId, other: NodeId) -> Pair:
    """The pair as links are kept: the smaller id first."""
    return (one, other) if one < other else (other, one)


def part(nodes: Sequence[NodeId], links: Collection[Pair], leaving: Collection[NodeId]) -> Parting:
    """Cut what crosses from those who leave to those who stay.

    Args:
        nodes: all of the profile, strongest first.
        links: accepted ones among them.
        leaving: some of `nodes`, but not all.
    """
    gone = set(leaving)
    sides = [node for node in nodes if node not in gone], [node for node in nodes if node in gone]
    crossing = {pair_of(*link) for link in links if (link[0] in gone) != (link[1] in gone)}
    # The link between the strongest is cut also where none was, so that the two sides never join by themselves.
    crossing.add(pair_of(sides[0][0], sides[1][0]))
    kept = [pair for side in sides for pair in _held_together(side, links)]
    return Parting(cut=tuple(sorted(crossing)), kept=tuple(kept))


def old_selves(
    born: Mapping[NodeId, ProfileId], leaving: Collection[NodeId], aliases: Iterable[Alias]
) -> Selves:
    """Give the side that leaves its own old ids back: those under which none of those who stay was born.

    Of several the one that was merged last had survived the others; of those merged at once the oldest.

    Args:
        born: the profile under which each node of the profile was born.
        leaving: the nodes that leave.
        aliases: profiles that were merged into this one.
    """
    gone = set(leaving)
    stayed_at = {profile for node, profile in born.items() if node not in gone}
    theirs = {profile for node, profile in born.items() if node in gone} - stayed_at
    candidates = sorted(
        (alias for alias in aliases if alias.profile_id in theirs),
        key=lambda alias: (-alias.merge_order, alias.profile_id),
    )
    if not candidates:
        return Selves(separated=None, following=())
    separated, *following = (alias.profile_id for alias in candidates)
    return Selves(separated=separated, following=tuple(following))


def shortest_chain(
    links: Iterable[Pair], starts: Collection[NodeId], goals: Collection[NodeId]
) -> tuple[Pair, ...] | None:
    """The fewest links that lead from one of `starts` to one of `goals`, in walking order; None: none do.

    Of several shortest ones the one over the smallest node ids, so that the answer does not change between calls.
    """
    neighbours = _neighbours(links)
    wanted = set(goals)
    came_from: dict[NodeId, NodeId | None] = dict.fromkeys(sorted(starts))
    waiting = deque(came_from)
    while waiting:
        node = waiting.popleft()
        if node in wanted:
            return tuple(_walked(node, came_from))
        for neighbour in sorted(neighbours.get(node, ())):
            if neighbour not in came_from:
                came_from[neighbour] = node
                waiting.append(neighbour)
    return None


def _held_together(side: Sequence[NodeId], links: Iterable[Pair]) -> list[Pair]:
    """Links from the strongest node of a side to the strongest of each piece that it does not reach."""
    members = set(side)
    neighbours = _neighbours(link for link in links if link[0] in members and link[1] in members)
    reached: set[NodeId] = set()
    strongest_of_pieces: list[NodeId] = []
    for node in side:
        if node in reached:
            continue
        strongest_of_pieces.append(node)
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting.extend(neighbours.get(one, ()))
    hub, *others = strongest_of_pieces
    return [pair_of(hub, other) for other in others]


def _neighbours(links: Iterable[Pair]) -> dict[NodeId, list[NodeId]]:
    neighbours: dict[NodeId, list[NodeId]] = {}
    for one, other in links:
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    return neighbours


def _walked(end: NodeId, came_from: Mapping[NodeId, NodeId | None]) -> list[Pair]:
    steps: list[Pair] = []
    node = end
    while (before := came_from[node]) is not None:
        steps.append(pair_of(before, node))
        node = before
    return steps[::-1]
