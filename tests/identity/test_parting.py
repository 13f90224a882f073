from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdp.identity.parting import Alias, Selves, old_selves, pair_of, part, shortest_chain
from cdp.model import NodeId, ProfileId


def n(*numbers: int) -> list[NodeId]:
    return [NodeId(number) for number in numbers]


def links(*pairs: tuple[int, int]) -> list[tuple[NodeId, NodeId]]:
    return [(NodeId(one), NodeId(other)) for one, other in pairs]


nodes = st.integers(1, 12).map(NodeId)


@st.composite
def profiles(draw: st.DrawFn) -> tuple[list[NodeId], list[tuple[NodeId, NodeId]], set[NodeId]]:
    """A connected profile and those who are to leave it."""
    size = draw(st.integers(2, 12))
    tree = [pair_of(NodeId(node), NodeId(draw(st.integers(1, node - 1)))) for node in range(2, size + 1)]
    more = draw(st.lists(st.tuples(st.integers(1, size), st.integers(1, size)), max_size=8))
    extra = [pair_of(NodeId(one), NodeId(other)) for one, other in more if one != other]
    order = draw(st.permutations([NodeId(node) for node in range(1, size + 1)]))
    leaving = draw(st.sets(st.sampled_from(order), min_size=1, max_size=size - 1))
    return order, tree + extra, leaving


@given(profiles())
def test_both_sides_of_a_split_hold_together_and_nothing_leads_across(
    profile: tuple[list[NodeId], list[tuple[NodeId, NodeId]], set[NodeId]],
) -> None:
    """What is left of the links, with those that were added, makes exactly two components."""
    order, all_links, leaving = profile
    parting = part(order, all_links, leaving)
    left = (set(all_links) - set(parting.cut)) | set(parting.kept)
    staying = set(order) - leaving
    for side in (staying, leaving):
        assert all(shortest_chain(left, {min(side)}, {node}) is not None for node in side)
    assert shortest_chain(left, staying, leaving) is None
    assert all((one in leaving) != (other in leaving) for one, other in parting.cut)
    assert parting.cut


def test_a_side_that_loses_its_hub_is_held_together_by_its_strongest() -> None:
    """The first node, in the middle of a star, leaves; the others would fall apart."""
    parting = part(n(1, 2, 3, 4), links((1, 2), (1, 3), (1, 4)), {NodeId(1)})
    assert parting.cut == ((1, 2), (1, 3), (1, 4))
    assert parting.kept == ((2, 3), (2, 4))


def test_the_side_that_leaves_gets_its_old_id_back() -> None:
    """Nobody who stays was born under it, so it can only be theirs."""
    born = {NodeId(1): ProfileId(10), NodeId(2): ProfileId(20), NodeId(3): ProfileId(20)}
    aliases = [Alias(profile_id=ProfileId(20), merge_order=1)]
    assert old_selves(born, n(2, 3), aliases) == Selves(separated=ProfileId(20), following=())
    assert old_selves(born, n(3), aliases) == Selves(separated=None, following=())
    assert old_selves(born, n(1), aliases) == Selves(separated=None, following=())


def test_of_several_old_ids_the_last_survivor_lives_again() -> None:
    """20 went into 30, then 30 into 10: 30 lives again and 20 leads to it, as before."""
    born = {NodeId(1): ProfileId(10), NodeId(2): ProfileId(20), NodeId(3): ProfileId(30)}
    aliases = [Alias(profile_id=ProfileId(20), merge_order=1), Alias(profile_id=ProfileId(30), merge_order=2)]
    assert old_selves(born, n(2, 3), aliases) == Selves(separated=ProfileId(30), following=(ProfileId(20),))


def test_the_shortest_chain_is_walked_from_start_to_goal() -> None:
    """Of two ways the shorter one, each step starting where the last one ended."""
    found = shortest_chain(links((1, 5), (5, 9), (1, 2), (2, 3), (3, 9)), n(9), n(1))
    assert found == ((5, 9), (1, 5))
    assert shortest_chain(links((1, 2)), n(1), n(3)) is None
    assert shortest_chain([], n(1), n(1)) == ()
