from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cdp.identity import graph
from cdp.identity.kinds import make_kinds, strongest_first
from cdp.model import Identifier, ProfileId

KINDS = make_kinds()
PHONES = KINDS["phone"].limit

identifiers = st.builds(
    Identifier, st.sampled_from(["user_id", "email", "phone", "anonymous_id"]), st.sampled_from("abcdefgh")
)
harmless = st.builds(
    Identifier, st.sampled_from(["device_id", "anonymous_id"]), st.sampled_from("abcdefghijkl")
)


def sets_of(one: st.SearchStrategy[Identifier]) -> st.SearchStrategy[list[tuple[Identifier, ...]]]:
    some = st.lists(one, min_size=1, max_size=4).map(lambda found: strongest_first(KINDS, found))
    return st.lists(some, max_size=25)


def decide(sightings: Sequence[Sequence[Identifier]], **more: object) -> graph.Decision:
    return graph.decide(sightings, kinds=KINDS, **({"home": {}, "holdings": {}} | more))  # type: ignore[arg-type]


def partition(decision: graph.Decision) -> set[frozenset[Identifier]]:
    sides: dict[int, set[Identifier]] = {}
    for identifier, component in decision.component_of.items():
        sides.setdefault(component, set()).add(identifier)
    return {frozenset(side) for side in sides.values()}


def ids(text: str) -> tuple[Identifier, ...]:
    short = {"u": "user_id", "e": "email", "p": "phone", "a": "anonymous_id"}
    return tuple(Identifier(short[one[0]], one[2:]) for one in text.split())


@given(sets_of(harmless), st.randoms())
def test_any_order_of_what_does_not_conflict_gives_the_same_people(
    sightings: list[tuple[Identifier, ...]], random: object
) -> None:
    """Without refusals the components do not depend on the order of arrival."""
    shuffled = list(sightings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert partition(decide(sightings)) == partition(decide(shuffled))


@given(sets_of(identifiers))
def test_no_person_ever_has_two_user_ids_or_too_many_phones(sightings: list[tuple[Identifier, ...]]) -> None:
    """Uniqueness and limits hold in every component, whatever was seen together."""
    for side in partition(decide(sightings)):
        held = Counter(identifier.kind for identifier in side)
        assert held["user_id"] <= 1
        assert held["phone"] <= PHONES


@given(sets_of(identifiers))
def test_a_link_is_accepted_exactly_within_a_person(sightings: list[tuple[Identifier, ...]]) -> None:
    """Accepted links join, refused ones part, for good: no later sighting overtakes a refusal."""
    decision = decide(sightings)
    for link in decision.links:
        one, other = (decision.component_of[end] for end in link.pair)
        assert (one == other) == (link.refusal is None)


@given(sets_of(identifiers), st.integers(0, 25))
def test_flushes_may_be_cut_anywhere(sightings: list[tuple[Identifier, ...]], at: int) -> None:
    """Two flushes decide what one would have decided."""
    first = decide(sightings[:at])
    home = {identifier: ProfileId(-component) for identifier, component in first.component_of.items()}
    holdings: dict[ProfileId, Counter[str]] = {}
    for identifier, profile in home.items():
        holdings.setdefault(profile, Counter())[identifier.kind] += 1
    needed = {one: holdings[one] for one in graph.undecided(sightings[at:], home)}
    second = decide(sightings[at:], home=home, holdings=needed)
    after = {one: second.merged.get(profile, profile) for one, profile in home.items()}
    sides: dict[int, set[Identifier]] = {}
    for identifier, component in (after | second.component_of).items():
        sides.setdefault(component, set()).add(identifier)
    assert {frozenset(side) for side in sides.values()} == partition(decide(sightings))


@given(sets_of(identifiers))
def test_what_is_seen_again_changes_nothing(sightings: list[tuple[Identifier, ...]]) -> None:
    """Repeating all sightings only counts them twice."""
    once, twice = decide(sightings), decide([*sightings, *sightings])
    assert partition(once) == partition(twice)
    assert {link.pair: len(link.sightings) * 2 for link in once.links} == {
        link.pair: len(link.sightings) for link in twice.links
    }


def test_links_are_a_star_from_the_strongest() -> None:
    """Weaker identifiers are not linked among themselves: cutting one from the strongest cuts it off."""
    decision = decide([ids("u:1 e:x a:y")])
    assert [link.pair for link in decision.links] == [ids("u:1 e:x"), ids("u:1 a:y")]


def test_a_shared_device_stays_with_its_first_user() -> None:
    """Two people who sign in on one device are two people, and the reason says so."""
    decision = decide([ids("u:1 a:tablet"), ids("u:2 a:tablet")])
    assert partition(decision) == {frozenset(ids("u:1 a:tablet")), frozenset(ids("u:2"))}
    refusal = decision.links[1].refusal
    assert refusal is not None
    assert (refusal.rule, "user_id" in refusal.reason) == ("unique", True)


def test_the_oldest_profile_survives() -> None:
    """Of profiles that prove to be one person the smallest id stays, and every loser leads to it directly."""
    home = {ids("a:x")[0]: ProfileId(7), ids("a:y")[0]: ProfileId(3), ids("a:z")[0]: ProfileId(5)}
    holdings = {profile: {"anonymous_id": 1} for profile in home.values()}
    decision = decide([ids("u:1 a:x"), ids("u:1 a:z"), ids("u:1 a:y")], home=home, holdings=holdings)
    assert decision.merged == {7: 3, 5: 3}
    assert set(decision.component_of.values()) == {3}


def test_a_limit_holds_over_all_joins() -> None:
    """The value that would be one too many stays outside, and the reason counts."""
    sightings = [ids(f"u:1 p:{number}") for number in range(PHONES + 1)]
    decision = decide(sightings)
    refused = [link for link in decision.links if link.refusal is not None]
    assert [link.pair[1] for link in refused] == list(ids(f"p:{PHONES}"))
    assert refused[0].refusal is not None
    assert (
        refused[0].refusal.reason
        == f"Together they would have {PHONES + 1} values of phone, more than {PHONES}."
    )


def test_a_person_who_was_merged_by_hand_still_collects_identifiers() -> None:
    """Two user ids that a person joined do not stop the profile from getting a device."""
    home = {ids("u:1")[0]: ProfileId(1)}
    decision = decide([ids("u:1 a:new")], home=home, holdings={ProfileId(1): {"user_id": 2}})
    assert decision.links[0].refusal is None


@given(sets_of(identifiers))
def test_what_a_person_cut_stays_apart(sightings: list[tuple[Identifier, ...]]) -> None:
    """No detour over other identifiers joins the two sides of a cut."""
    one, other = Identifier("anonymous_id", "a"), Identifier("anonymous_id", "b")
    home = {one: ProfileId(1), other: ProfileId(2)}
    holdings = {ProfileId(1): {"anonymous_id": 1}, ProfileId(2): {"anonymous_id": 1}}
    decision = decide(
        [*sightings, (one, other)], home=home, holdings=holdings, cuts=[(ProfileId(1), ProfileId(2))]
    )
    assert decision.component_of[one] != decision.component_of[other]
    assert {
        link.refusal.rule for link in decision.links if set(link.pair) == {one, other} and link.refusal
    } == {"cut"}


def test_nothing_is_read_for_what_is_settled() -> None:
    """Profiles of which every sighting is at home already need no second look."""
    home = {ids("u:1")[0]: ProfileId(1), ids("a:x")[0]: ProfileId(1), ids("u:2")[0]: ProfileId(2)}
    assert graph.undecided([ids("u:1 a:x"), ids("u:2")], home) == set()
    assert graph.undecided([ids("u:2 a:x"), ids("u:9 a:new")], home) == {1, 2}
