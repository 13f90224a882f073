from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.errors import BadInput, Conflict, NotFound
from cdp.model import ProfileId
from tests.conftest import make_workspace
from tests.identity.people import World


async def test_a_merge_by_hand_keeps_the_chosen_id(world: World) -> None:
    """Also where that one is the younger; the evidence says who asked and why."""
    await world.see("u:ann")
    await world.see("u:anna")
    older, younger = await world.profile("u:ann"), await world.profile("u:anna")
    assert await world.merge(younger, older, "married") == younger
    assert await world.profiles() == {younger: {"user_id:ann", "user_id:anna"}}
    assert await world.aliases() == {older: younger}
    (link,) = await world.links("ACCEPTED")
    assert (link["rule"], link["reason"]) == ("manual", "married")
    assert json.loads(link["evidence"]) == {"mutation": "profileMerge", "by": "Ann", "reason": "married"}


async def test_a_profile_is_not_merged_into_itself(world: World) -> None:
    """Nor by an id that leads to it already, nor with what does not exist."""
    await world.see("u:ann")
    await world.see("u:anna")
    ann, anna = await world.profile("u:ann"), await world.profile("u:anna")
    await world.merge(ann, anna)
    for into, from_ in ((ann, ann), (ann, anna), (anna, ann)):
        with pytest.raises(Conflict):
            await world.merge(into, from_)
    with pytest.raises(NotFound):
        await world.merge(ann, ProfileId(4711))


async def test_a_split_moves_the_named_identifiers_out(world: World) -> None:
    """They get a profile of their own; the link between the sides is cut, with who and why and what had been seen."""
    await world.see("u:ann a:laptop a:tablet")
    profile = await world.profile("u:ann")
    remaining, separated = await world.split(profile, "a:tablet")
    assert remaining == profile
    assert await world.profiles() == {
        profile: {"user_id:ann", "anonymous_id:laptop"},
        separated: {"anonymous_id:tablet"},
    }
    (cut,) = await world.links("CUT")
    evidence = json.loads(cut["evidence"])
    assert {cut["one"], cut["other"]} == {"user_id:ann", "anonymous_id:tablet"}
    assert (cut["reason"], evidence["by"], evidence["was"]["rule"]) == ("a mistake", "Ann", "seen_together")
    assert [link["rule"] for link in await world.links("ACCEPTED")] == ["seen_together"]


async def test_what_was_split_stays_apart(world: World) -> None:
    """However often the two are seen together, and by whatever detour; a person may join them again."""
    await world.see("u:ann a:tablet")
    remaining, separated = await world.split(await world.profile("u:ann"), "a:tablet")
    await world.see("u:ann a:tablet", "e:ann@acme.com a:tablet", "u:ann e:ann@acme.com")
    assert await world.people() == {
        frozenset({"user_id:ann"}),
        frozenset({"anonymous_id:tablet", "email:ann@acme.com"}),
    }
    assert {link["rule"] for link in await world.links("REFUSED")} == {"cut"}
    await world.merge(remaining, separated)
    assert await world.links("CUT") == []
    await world.see("u:ann a:tablet")
    assert len(await world.people()) == 1


async def test_a_side_without_its_hub_still_is_one_person(world: World) -> None:
    """The devices of a user id that leaves stay together."""
    await world.see("u:ann a:laptop a:tablet")
    remaining, _ = await world.split(await world.profile("u:ann"), "u:ann")
    assert (await world.profiles())[remaining] == {"anonymous_id:laptop", "anonymous_id:tablet"}
    assert [link["rule"] for link in await world.links("ACCEPTED")] == ["split_kept"]


async def test_a_split_needs_some_identifiers_of_the_profile_and_not_all(world: World) -> None:
    """Each mistake has its own sentence, and nothing changes."""
    await world.see("u:ann a:laptop", "u:bob")
    profile = await world.profile("u:ann")
    before = await world.profiles()
    with pytest.raises(BadInput, match="at least one identifier"):
        await world.split(profile, "")
    with pytest.raises(BadInput, match="no user_id 'bob'") as failed:
        await world.split(profile, "a:laptop u:bob")
    assert failed.value.field == ("identifiers", "1")
    with pytest.raises(Conflict, match="all identifiers"):
        await world.split(profile, "a:laptop u:ann")
    with pytest.raises(NotFound):
        await world.split(ProfileId(4711), "u:ann")
    assert await world.profiles() == before


async def test_a_split_by_an_old_id_splits_the_survivor(world: World) -> None:
    """Ids that were merged away stand for their survivor."""
    await world.see("u:ann")
    await world.see("u:anna")
    ann, anna = await world.profile("u:ann"), await world.profile("u:anna")
    await world.merge(ann, anna)
    assert await world.split(anna, "u:anna") == (ann, anna)


async def test_an_automatic_merge_can_be_split_back_too(world: World) -> None:
    """The separated side gets its own old id back, not a new one."""
    await world.see("a:phone")
    await world.see("u:ann")
    before = await world.profiles()
    await world.see("u:ann a:phone")
    assert len(await world.people()) == 1
    await world.split(await world.profile("u:ann"), "u:ann")
    assert await world.profiles() == before
    assert await world.aliases() == {}


async def test_a_split_undoes_the_last_of_several_merges(world: World) -> None:
    """An id that was merged into the loser before leads to the loser again."""
    for name in ("u:1", "u:2", "u:3"):
        await world.see(name)
    one, two, three = [await world.profile(name) for name in ("u:1", "u:2", "u:3")]
    await world.merge(three, two)
    before, aliases = await world.profiles(), await world.aliases()
    await world.merge(one, three)
    assert await world.aliases() == {two: one, three: one}
    assert await world.split(one, "u:2 u:3") == (one, three)
    assert (await world.profiles(), await world.aliases()) == (before, aliases)


names = st.sampled_from(
    ["u:1", "u:2", "u:3", "e:1@acme.com", "e:2@acme.com", "a:1", "a:2", "a:3", "a:4", "d:1"]
)
flushes = st.lists(
    st.lists(st.lists(names, min_size=1, max_size=3, unique=True).map(" ".join), min_size=1, max_size=4),
    min_size=2,
    max_size=5,
)
_numbers = iter(range(1_000_000))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flushes, st.data())
async def test_merge_then_split_restores_both_sides_to_the_letter(
    database: Database, texts: list[list[str]], data: st.DataObject
) -> None:
    """Whatever came before: the same nodes in the same profiles of the same ids, and the old ids leading there."""
    world = World(database, await make_workspace(database, f"split {next(_numbers)}"))
    for flush in texts:
        await world.see(*flush)
    before, aliases = await world.profiles(), await world.aliases()
    steps = []
    while len(current := await world.profiles()) > 1 and len(steps) < 3:
        into, from_ = data.draw(st.permutations(sorted(current)))[:2]
        steps.append((into, from_, " ".join(sorted(current[from_])), current, await world.aliases()))
        await world.merge(into, from_)
    for into, from_, leaving, then, aliases_then in reversed(steps):
        assert await world.split(into, leaving) == (into, from_)
        assert (await world.profiles(), await world.aliases()) == (then, aliases_then)
    assert (await world.profiles(), await world.aliases()) == (before, aliases)
