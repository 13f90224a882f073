"""Whatever pages say, in whatever order: what anybody can have said leads to nobody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from cdp.identity import graph
from cdp.identity.kinds import WEAK, make_kinds, strongest_first
from cdp.model import Identifier

KINDS = make_kinds()
Sighting: TypeAlias = tuple[Identifier, ...]
Said: TypeAlias = tuple[Sighting, bool]
"""What was seen together, and whether a page says so."""

NAMES = [Identifier(kind, value) for kind in ("user_id", "email", "hubspot_contact_id") for value in "ab"]
DEVICES = [Identifier(kind, value) for kind in ("device_id", "anonymous_id") for value in "x"]


def sightings(*of: Sequence[Identifier]) -> st.SearchStrategy[Sighting]:
    some = st.lists(st.sampled_from([one for each in of for one in each]), min_size=1, max_size=2)
    return some.map(lambda found: strongest_first(KINDS, found))


anything = sightings(NAMES, DEVICES)


def decide(said: Sequence[Said]) -> graph.Decision:
    return graph.decide(
        [sighting for sighting, _ in said],
        kinds=KINDS,
        home={},
        holdings={},
        proofs={index: () for index, (_, by_page) in enumerate(said) if by_page},
    )


def reached(one: Identifier, links: Iterable[graph.Link]) -> set[Identifier]:
    """What an identifier leads to by links that are proven."""
    pairs = [link.pair for link in links if link.refusal is None and link.proven]
    found, grows = {one}, True
    while grows:
        new = {end for pair in pairs if found & set(pair) for end in pair} - found
        found |= new
        grows = bool(new)
    return found


def people(decision: graph.Decision, names: Collection[Identifier]) -> set[frozenset[Identifier]]:
    sides: dict[int, set[Identifier]] = {}
    for one, component in decision.component_of.items():
        if one in names:
            sides.setdefault(component, set()).add(one)
    return {frozenset(side) for side in sides.values()}


def named(said: Iterable[Said]) -> set[Identifier]:
    return {one for sighting, _ in said for one in sighting if one.kind not in WEAK}


@given(st.lists(st.tuples(anything, st.booleans()), max_size=20))
def test_what_a_visitor_may_read_is_what_those_who_are_believed_have_said(said: list[Said]) -> None:
    """A visitor reads what proven links lead to; no step of it is a page's."""
    believed = [
        graph.Link(pair=(sighting[0], other), refusal=None, sightings=[])
        for sighting, by_page in said
        if not by_page
        for other in sighting[1:]
    ]
    links = decide(said).links
    for one in {one for sighting, _ in said for one in sighting}:
        assert reached(one, links) <= reached(one, believed)


@given(
    st.lists(st.tuples(sightings(NAMES), st.just(False)), min_size=2, max_size=4),
    st.lists(st.tuples(anything, st.just(True)), max_size=4),
    st.lists(st.tuples(st.integers(0, 3), sightings(DEVICES)), max_size=3),
)
def test_people_who_are_known_stay_as_many_whatever_pages_say_of_them_and_their_devices(
    known: list[Said], pages: list[Said], afterwards: list[tuple[int, Sighting]]
) -> None:
    """Also where servers believe the devices that people log in with later."""
    names = sorted(named(known))
    later: list[Said] = [
        (strongest_first(KINDS, ((names[number % len(names)], *devices) if names else devices)), False)
        for number, devices in afterwards
    ]
    before, after = decide([*known, *later]), decide([*known, *pages, *later])
    for person in people(after, names):
        assert any(person <= one for one in people(before, names)), (person, people(before, names))
