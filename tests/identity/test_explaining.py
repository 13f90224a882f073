from __future__ import annotations

import pytest

from cdp.errors import NotFound
from cdp.identity.explain import Explanation, explain
from cdp.model import Identifier, ProfileId
from tests.identity.people import World, one


async def told(world: World, a: ProfileId | str, b: ProfileId | str) -> Explanation:
    ends: list[ProfileId | Identifier] = [one(end) if isinstance(end, str) else end for end in (a, b)]
    async with world.database.connection(world.workspace_id) as connection:
        return await explain(connection, world.workspace_id, ends[0], ends[1])


def steps(explanation: Explanation) -> list[tuple[str, str, str]]:
    return [(link.one.value, link.other.value, link.rule) for link in explanation.chain]


async def test_a_chain_leads_from_one_identifier_to_the_other(world: World) -> None:
    """Each step starts where the last one ended, and carries the event that said so."""
    await world.see("u:ann a:laptop", "u:ann e:ann@acme.com", "e:ann@acme.com a:phone")
    found = await told(world, "a:laptop", "a:phone")
    assert found.same
    assert steps(found) == [
        ("laptop", "ann", "seen_together"),
        ("ann", "ann@acme.com", "seen_together"),
        ("ann@acme.com", "phone", "seen_together"),
    ]
    assert [link.evidence["messageId"] for link in found.chain] == ["m1", "m2", "m3"]
    assert found.chain[0].evidence == {"messageId": "m1", "type": "track", "source": "tracking"}


async def test_the_fewest_links_explain_best(world: World) -> None:
    """A direct sighting beats any detour."""
    await world.see("u:ann a:1", "u:ann a:2", "a:1 a:2")
    assert steps(await told(world, "a:1", "a:2")) == [("1", "2", "seen_together")]
    assert steps(await told(world, "a:2", "a:1")) == [("2", "1", "seen_together")]


async def test_what_was_refused_is_told_with_its_reason(world: World) -> None:
    """Two people on one device: no chain, and why not."""
    await world.see("u:ann a:tablet", "u:bob a:tablet", "u:cas a:tablet")
    found = await told(world, "u:ann", "u:bob")
    assert not found.same
    assert found.chain == ()
    assert {found.refused[0].one, found.refused[0].other} == {one("u:bob"), one("a:tablet")}
    assert found.refused[0].reason is not None
    assert found.refused[0].state == "REFUSED"
    assert len(found.refused) == 2


async def test_what_was_cut_is_told(world: World) -> None:
    """With who cut it and why."""
    await world.see("u:ann a:tablet")
    await world.split(await world.profile("u:ann"), "a:tablet")
    found = await told(world, "u:ann", "a:tablet")
    assert not found.same
    assert [(link.rule, link.reason, link.evidence["by"]) for link in found.cut] == [
        ("split", "a mistake", "Ann")
    ]


async def test_profiles_may_be_asked_for_by_their_old_ids(world: World) -> None:
    """A merged id stands for the identifiers that were born in it."""
    await world.see("u:ann a:1")
    await world.see("u:anna a:2")
    ann, anna = await world.profile("u:ann"), await world.profile("u:anna")
    await world.merge(ann, anna, "married")
    found = await told(world, anna, "a:1")
    assert (found.one, found.other, found.same) == (ann, ann, True)
    assert steps(found) == [("anna", "ann", "manual"), ("ann", "1", "seen_together")]
    assert steps(await told(world, ann, anna)) == [("ann", "anna", "manual")]


async def test_an_identifier_that_was_never_seen_is_an_answer(world: World) -> None:
    """An unknown profile id is an error."""
    await world.see("u:ann")
    found = await told(world, "u:ann", "u:nobody")
    assert (found.one, found.other, found.same) == (await world.profile("u:ann"), None, False)
    with pytest.raises(NotFound):
        await told(world, ProfileId(4711), "u:ann")
