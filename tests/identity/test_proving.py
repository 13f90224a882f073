"""What web pages say without proof: anybody can say it in their place."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cdp.model import Event, EventType
from tests.identity.people import World, ids


def page(world: World, text: str, proven: str = "", unproven: str = "", **more: Any) -> Event:
    """What a page sends: of what it names, `proven` is proven."""
    return replace(world.event(text, **more), proven=ids(proven), unproven=ids(unproven))


async def together(world: World, *events: Event) -> None:
    await world.take(events)


async def apart(world: World, *events: Event) -> None:
    for event in events:
        await world.take([event])


@pytest.fixture(params=[together, apart])
def take(request: pytest.FixtureRequest) -> Any:
    """In one flush, or in one after the other: it must not matter."""
    return request.param


async def test_a_page_joins_the_browser_of_somebody_who_logs_in(world: World, take: Any) -> None:
    await take(
        world,
        world.event("u:ann e:ann@acme.com"),
        page(world, "a:1"),
        page(world, "u:ann a:1"),
    )
    assert await world.people() == {frozenset({"user_id:ann", "email:ann@acme.com", "anonymous_id:1"})}


async def test_a_page_names_somebody_new(world: World, take: Any) -> None:
    await take(world, page(world, "a:1"), page(world, "u:ann e:ann@acme.com a:1"))
    assert await world.people() == {frozenset({"user_id:ann", "email:ann@acme.com", "anonymous_id:1"})}
    assert {link["rule"] for link in await world.links("ACCEPTED")} == {"page"}


@pytest.mark.parametrize(
    "said", ["u:eve e:ann@acme.com", "u:eve hubspot_contact_id:7", "u:eve p:+442079460958"]
)
async def test_a_page_does_not_join_two_known_people(world: World, take: Any, said: str) -> None:
    theirs = said.removeprefix("u:eve ")
    await take(
        world, world.event("u:eve a:1"), world.event(f"{theirs} a:2"), page(world, said), page(world, said)
    )
    assert len(await world.people()) == 2
    (refused,) = await world.links("REFUSED")
    assert (refused["rule"], refused["times"]) == ("unproven", 2)
    assert "without proof" in refused["reason"]


async def test_a_page_does_not_join_two_known_people_through_a_browser(world: World, take: Any) -> None:
    """Nor does the server that believes the browser's anonymous id: it knows who logged in, not whose that id was."""
    await take(
        world,
        world.event("u:eve"),
        world.event("e:ann@acme.com"),
        page(world, "e:ann@acme.com a:1"),
        world.event("u:eve a:1"),
    )
    assert await world.people() == {
        frozenset({"user_id:eve"}),
        frozenset({"email:ann@acme.com", "anonymous_id:1"}),
    }
    (refused,) = await world.links("REFUSED")
    assert refused["rule"] == "unproven"


async def test_a_page_does_not_join_two_known_people_by_an_alias(world: World, take: Any) -> None:
    await take(
        world,
        world.event("u:eve"),
        world.event("e:ann@acme.com a:1"),
        page(world, "u:eve a:1", call=EventType.ALIAS),
    )
    assert len(await world.people()) == 2


async def test_a_visitor_who_proves_one_identifier_proves_no_other(world: World, take: Any) -> None:
    await take(
        world,
        world.event("u:eve"),
        world.event("e:ann@acme.com"),
        page(world, "u:eve e:ann@acme.com", "u:eve"),
    )
    assert len(await world.people()) == 2


async def test_a_visitor_who_proves_both_identifiers_is_one_person(world: World, take: Any) -> None:
    await take(
        world,
        world.event("u:ann"),
        world.event("e:ann@acme.com"),
        page(world, "u:ann e:ann@acme.com"),
        page(world, "u:ann e:ann@acme.com", "u:ann e:ann@acme.com"),
    )
    assert await world.people() == {frozenset({"user_id:ann", "email:ann@acme.com"})}
    assert [link["rule"] for link in await world.links("ACCEPTED")] == ["seen_together"]
    assert [link["rule"] for link in await world.links("REFUSED")] == ["unproven"]


async def test_the_server_s_word_takes_the_place_of_the_page_s(world: World, take: Any) -> None:
    said = world.event("u:ann a:1")
    await take(world, page(world, "u:ann a:1"), said, page(world, "u:ann a:1"))
    (link,) = await world.links("ACCEPTED")
    assert (link["rule"], link["times"]) == ("seen_together", 3)
    assert said.message_id in link["evidence"]


async def test_a_browser_that_the_server_tied_to_somebody_joins_as_before(world: World, take: Any) -> None:
    await take(
        world,
        page(world, "e:ann@acme.com a:1"),
        world.event("e:ann@acme.com d:1 a:1"),
        world.event("u:ann"),
        world.event("u:ann a:1"),
    )
    assert len(await world.people()) == 1


async def test_what_a_page_may_not_say_is_kept_as_refused_where_it_is_known(world: World) -> None:
    await world.see("u:ann")
    await world.take([page(world, "a:1", unproven="u:ann e:nobody@acme.com")])
    assert await world.people() == {frozenset({"user_id:ann"}), frozenset({"anonymous_id:1"})}
    (refused,) = await world.links("REFUSED")
    assert (refused["one"], refused["other"], refused["rule"]) == (
        "user_id:ann",
        "anonymous_id:1",
        "unproven",
    )
    assert "demands proof" in refused["reason"]


async def test_what_a_split_keeps_together_is_proven_anew_by_the_server(world: World) -> None:
    """Until then it may have been the word of a page."""
    await world.take([page(world, "e:ann@acme.com a:1"), page(world, "u:ann a:1")])
    (profile_id,) = await world.profiles()
    await world.split(profile_id, "a:1")
    assert [link["rule"] for link in await world.links("ACCEPTED")] == ["split_kept"]
    assert await may_read(world, "u:ann") is None
    await world.take([page(world, "u:ann e:ann@acme.com")])
    assert await may_read(world, "u:ann") is None
    await world.see("u:ann e:ann@acme.com")
    assert [link["rule"] for link in await world.links("ACCEPTED")] == ["seen_together"]
    assert await may_read(world, "u:ann") == profile_id


async def may_read(world: World, text: str) -> Any:
    """The profile that a visitor who proves this identifier may read."""
    (identifier,) = ids(text)
    ((found,),) = await world.rows(
        "SELECT cdp.visitor_profile($1, $2, $3, '{anonymous_id}')",
        identifier.kind,
        identifier.value,
    )
    return found
