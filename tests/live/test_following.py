"""What is followed comes at once, then whenever it has changed, and never when only something hidden has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

PERSON = "subscription ($id: ID!) { profileChanged(id: $id) { %s } }"
ACCOUNT = "subscription ($id: ID!) { accountChanged(id: $id) { %s } }"
PEOPLE = (
    "subscription { profilesChanged(first: 3, orderBy: [{field: INTENT_SCORE, direction: DESC}]) { %s } }"
)


def person(user_id: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user_id, "traits": traits}


async def quiet(live: Any, line: Any) -> None:
    """Nothing comes for what has happened until now: what is asked afterwards is answered first."""
    for _ in range(2):
        await asyncio.sleep(0.3)
        await live.settle()
    await line.subscribe("{ __typename }", 99)
    assert await line.receive() == {"id": "99", "type": "next", "payload": {"data": {"__typename": "Query"}}}
    assert await line.receive() == {"id": "99", "type": "complete"}


async def test_the_present_state_comes_at_once_and_every_change_after_it(live: Any) -> None:
    await live.track(person("ann", name="Ann"))
    async with live.line() as line:
        await line.subscribe(PERSON % "displayName buyerIntent { level }", id=await live.id_of("ann"))
        first = await line.data()
        assert first == {"profileChanged": {"displayName": "Ann", "buyerIntent": {"level": "COLD"}}}
        await live.track(person("ann", name="Anna"))
        assert (await line.data())["profileChanged"]["displayName"] == "Anna"
        await live.ask(
            """mutation ($id: ID!) { profileUpdate(input: {profile: $id, traits: {name: "Annabel"}}) {
            userErrors { message } } }""",
            id=await live.id_of("ann"),
        )
        assert (await line.data())["profileChanged"]["displayName"] == "Annabel"


async def test_what_settling_adds_comes_too(live: Any) -> None:
    """Roles are resolved after the commit, by any process."""
    await live.track(person("ann"))
    async with live.line() as line:
        await line.subscribe(
            PERSON % "memberships { nodes { roles { role } } } buyerIntent { purchases { count } }",
            id=await live.id_of("ann"),
        )
        await line.data()
        order = {"order_id": "o", "total": 10}
        await live.track({"userId": "ann", "event": "Order Completed", "properties": order})
        unsettled = (await line.data())["profileChanged"]
        assert unsettled["buyerIntent"] == {"purchases": {"count": 1}}
        assert unsettled["memberships"] == {"nodes": [{"roles": []}]}
        await live.settle()
        (node,) = (await line.data())["profileChanged"]["memberships"]["nodes"]
        assert {"role": "ECONOMIC_BUYER"} in node["roles"]


async def test_support_is_not_told_that_a_buyer_did_something(live: Any) -> None:
    """Although the views that it selects say when they were read, and fade: only stored differences are told."""
    await live.track(person("ann"), {"userId": "ann", "event": "Signed In"})
    seen = (
        PERSON
        % "usage { phase activeDays stickiness asOf } buyerIntent { score } timeline { nodes { name } }"
    )
    id_ = await live.id_of("ann")
    async with live.line("SUPPORT") as support, live.line("SALES") as sales:
        await support.subscribe(seen, id=id_)
        first = await support.receive()
        assert [error["extensions"]["code"] for error in first["payload"]["errors"]] == ["FORBIDDEN"]
        assert first["payload"]["data"]["profileChanged"]["buyerIntent"] is None
        await sales.subscribe(PERSON % "buyerIntent { score asOf }", id=id_)
        assert (await sales.data())["profileChanged"]["buyerIntent"]["score"] == 0
        live.clock.now += timedelta(seconds=30)
        await live.track({"userId": "ann", "event": "Pricing Viewed"})
        assert (await sales.data())["profileChanged"]["buyerIntent"]["score"] > 0
        await quiet(live, support)
        await live.track({"userId": "ann", "event": "Feature Used", "properties": {"feature": "x"}})
        names = (await support.receive())["payload"]["data"]["profileChanged"]["timeline"]["nodes"]
        assert {"name": "Feature Used"} in names
        assert {"name": "Pricing Viewed"} not in names
        await quiet(live, sales)


async def test_what_time_alone_changes_comes_when_the_quarter_is_over(live: Any) -> None:
    """And not with the next event: that would tell that there was one."""
    from cdp.graphql import following

    reads = []

    async def read(as_of: Any) -> Any:
        from strawberry.types import ExecutionResult

        reads.append(as_of)
        return ExecutionResult(data={"asOf": as_of.isoformat()}, errors=None)

    one = following.Following(read)
    start = live.clock.now.replace(minute=1)
    assert (await one.look(start)) is not None
    assert one.due == start.replace(minute=15)
    assert await one.look(start + timedelta(minutes=13)) is None
    late = await one.look(start.replace(minute=15))
    assert late is not None
    assert late.data == {"asOf": start.replace(minute=15).isoformat()}
    assert one.due == start.replace(minute=30)
    quarter = timedelta(minutes=15)
    assert reads == [one.due - quarter, start, one.due - quarter, one.due, one.due - quarter]


async def test_after_a_merge_an_id_follows_the_survivor(live: Any) -> None:
    await live.track(person("ann", name="Ann"), person("bob", name="Bob"), person("cat", name="Cat"))
    ann, bob, cat = [await live.id_of(who) for who in ("ann", "bob", "cat")]
    merge = """mutation ($into: ID!, $from: ID!) { profileMerge(input: {into: $into, from: $from}) {
      userErrors { message } } }"""
    async with live.line() as line:
        await line.subscribe(PERSON % "id", id=bob)
        assert await line.data() == {"profileChanged": {"id": bob}}
        await live.ask(merge, **{"into": ann, "from": bob})
        assert await line.data() == {"profileChanged": {"id": ann}}
        await live.ask(merge, **{"into": cat, "from": ann})
        assert await line.data() == {"profileChanged": {"id": cat}}
        await live.ask(
            """mutation ($id: ID!) { profileSplit(input: {profile: $id, identifiers: [
            {kind: "user_id", value: "bob"}]}) { userErrors { message } } }""",
            id=cat,
        )
        assert await line.data() == {"profileChanged": {"id": bob}}


async def test_a_merge_by_an_event_is_followed_too(live: Any) -> None:
    await live.track({"type": "page", "anonymousId": "visitor"}, person("ann"))
    visitor = (await live.ask(
        '{ profile(identifier: {kind: "anonymous_id", value: "visitor"}) { id } }'
    ))["profile"]["id"]  # fmt: skip
    ann = await live.id_of("ann")
    async with live.line() as line:
        await line.subscribe(PERSON % "id", id=visitor)
        assert await line.data() == {"profileChanged": {"id": visitor}}
        await live.track({"userId": "ann", "anonymousId": "visitor", "event": "Signed In"})
        survivor = await live.id_of("ann")
        if survivor == visitor:
            await line.subscribe(PERSON % "id", 2, id=ann)
        message = await line.receive()
        assert message["payload"]["data"] == {"profileChanged": {"id": survivor}}


async def test_accounts_and_lists_are_followed(live: Any) -> None:
    group = {"type": "group", "groupId": "acme"}
    await live.track({**group, "userId": "ann", "traits": {"name": "Acme"}}, person("bob", name="Bob"))
    found = await live.ask('{ accounts(search: "acme") { nodes { id } } }')
    (account,) = found["accounts"]["nodes"]
    async with live.line() as line, live.line() as list_line:
        await line.subscribe(ACCOUNT % "name people { totalCount }", id=account["id"])
        assert await line.data() == {"accountChanged": {"name": "Acme", "people": {"totalCount": 1}}}
        await list_line.subscribe(PEOPLE % "nodes { displayName buyerIntent { level } }")
        assert {"displayName": "Bob", "buyerIntent": {"level": "COLD"}} in (await list_line.data())[
            "profilesChanged"
        ]["nodes"]
        await live.track({**group, "userId": "bob"})
        assert (await line.data())["accountChanged"]["people"] == {"totalCount": 2}
        await live.track(*({"userId": "bob", "event": "Checkout Started"} for _ in range(9)))
        top, *_ = (await list_line.data())["profilesChanged"]["nodes"]
        assert (top["displayName"], top["buyerIntent"]["level"] != "COLD") == ("Bob", True)
        live.clock.now += timedelta(seconds=1)
        await live.ask(
            """mutation ($id: ID!) { accountUpdate(input: {id: $id, name: "Acme Corp."}) {
            userErrors { message } } }""",
            id=account["id"],
        )
        assert (await line.data())["accountChanged"]["name"] == "Acme Corp."


async def test_nobody_hears_of_another_workspace(live: Any, other_workspace: Any) -> None:
    from cdp.access.keys import create_key

    await live.track(person("ann", name="Ann"))
    id_ = await live.id_of("ann")
    live.keys["ELSEWHERE"] = await create_key(live.application.database, other_workspace, "ADMIN", "x")
    async with live.line("ELSEWHERE") as line:
        await line.subscribe(PERSON % "displayName", id=id_)
        await line.subscribe(PEOPLE % "totalCount", 2)
        answers = [await line.data(), await line.data()]
        assert {"profileChanged": None} in answers
        assert {"profilesChanged": {"totalCount": 0}} in answers
        await live.track(person("ann", name="Anna"))
        await quiet(live, line)


async def test_a_root_field_that_fails_ends_the_subscription(live: Any) -> None:
    async with live.line("INGEST") as ingest, live.line() as line:
        await line.subscribe(PERSON % "id", id="nonsense")
        await ingest.subscribe(PERSON % "id", id="UHJvZmlsZTox")
        for one, code in ((line, "BAD_USER_INPUT"), (ingest, "FORBIDDEN")):
            answer = await one.receive()
            assert answer["payload"]["data"] == {"profileChanged": None}
            assert [error["extensions"]["code"] for error in answer["payload"]["errors"]] == [code]
            assert await one.receive() == {"id": "1", "type": "complete"}


async def test_computed_fields_are_followed_as_well(live: Any) -> None:
    await live.track(person("ann", name="Ann"))
    async with live.line() as line:
        await line.subscribe(
            PERSON % 'displayName personalisation(slot: "home") { variant }', id=await live.id_of("ann")
        )
        first = (await line.data())["profileChanged"]
        assert first["displayName"] == "Ann"
        assert "personalisation" in first
        await live.track(person("ann", name="Anna"))
        assert (await line.data())["profileChanged"]["displayName"] == "Anna"
