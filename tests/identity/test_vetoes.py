"""Identifiers that are not linked by the word of a plugin."""

from __future__ import annotations

import itertools

from cdp.identity.graph import Decision, decide
from cdp.identity.kinds import make_kinds
from cdp.model import Identifier, LinkVeto, ProfileId

USER, OTHER_USER = Identifier("user_id", "u1"), Identifier("user_id", "u2")
SHARED = Identifier("email", "info@acme.com")
PHONE, DEVICE = Identifier("phone", "+442079460958"), Identifier("device_id", "d1")
KINDS = make_kinds()


def against(one: Identifier, other: Identifier) -> LinkVeto:
    return LinkVeto(one, other, "It is shared.", "p")


def decided(sightings: list[list[Identifier]], vetoes: dict[int, list[LinkVeto]]) -> Decision:
    return decide(sightings, kinds=KINDS, home={}, holdings={}, vetoes=vetoes)


def groups(decision: Decision) -> set[frozenset[Identifier]]:
    """Who is one person."""
    by_component: dict[int, set[Identifier]] = {}
    for identifier, component in decision.component_of.items():
        by_component.setdefault(component, set()).add(identifier)
    return {frozenset(one) for one in by_component.values()}


def test_a_vetoed_pair_is_refused_with_the_plugin_and_its_reason() -> None:
    """The rest of the sighting is linked."""
    decision = decided([[USER, SHARED, DEVICE]], {0: [against(USER, SHARED), against(SHARED, DEVICE)]})
    assert groups(decision) == {frozenset({USER, DEVICE}), frozenset({SHARED})}
    (refused,) = [link for link in decision.links if link.refusal is not None]
    assert refused.refusal is not None
    assert (refused.pair, refused.refusal.rule, refused.refusal.by) == ((USER, SHARED), "veto", "p")


def test_where_the_strongest_is_vetoed_the_next_one_is_in_its_place() -> None:
    """Two who have nothing to do with the shared address are not kept apart by it."""
    decision = decided([[SHARED, PHONE, DEVICE]], {0: [against(SHARED, PHONE), against(SHARED, DEVICE)]})
    assert groups(decision) == {frozenset({SHARED}), frozenset({PHONE, DEVICE})}


def test_vetoes_of_pairs_give_the_same_people_in_any_order() -> None:
    """As links without refusals do."""
    veto = [against(USER, SHARED), against(OTHER_USER, SHARED), against(SHARED, DEVICE)]
    sightings = [[USER, SHARED], [OTHER_USER, SHARED], [USER, DEVICE], [SHARED, DEVICE]]
    found = {
        frozenset(groups(decided(list(order), dict.fromkeys(range(len(order)), veto))))
        for order in itertools.permutations(sightings)
    }
    assert found == {frozenset({frozenset({USER, DEVICE}), frozenset({OTHER_USER}), frozenset({SHARED})})}


def test_what_was_joined_stays_joined() -> None:
    """A plugin that is turned on later takes nothing apart."""
    home = {USER: ProfileId(1), SHARED: ProfileId(1)}
    decision = decide(
        [[USER, SHARED]], kinds=KINDS, home=home, holdings={}, vetoes={0: [against(USER, SHARED)]}
    )
    assert groups(decision) == {frozenset({USER, SHARED})}
