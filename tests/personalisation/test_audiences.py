"""Audiences: filters of people, read by the planner, and hidden from those who may not read them."""

from __future__ import annotations

import asyncpg

from tests.mutations.conftest import NOW, Api, Asking
from tests.personalisation.conftest import Slotted

HOT = {"buyerIntent": {"level": {"eq": "HOT"}}}
USES = {"usage": {"phase": {"ne": "NONE"}}}


async def test_a_reader_learns_nothing_of_a_panel_that_they_may_not_see(
    slots: Slotted, api: Api, asking: Asking
) -> None:
    """Neither by the variant, nor by the explanation, nor by a cap that others have used up, nor by the timeline."""
    await slots.define()
    await slots.variant("quote", audience=HOT, priority=3)
    await slots.variant("hot words", lens="INTENT", priority=2)
    await slots.variant("capped", priority=1, cap={"times": 1})
    await slots.variant("active", audience=USES)
    await slots.variant("anybody", priority=-1)
    everything = {"quote", "hot words", "capped", "active", "anybody"}
    hot = [{"type": "TRACK", "userId": "ada", "event": "Contract Signed"}] * 2
    await api.ingest(
        *hot, *({"type": "TRACK", "userId": user, "event": "Signed In"} for user in ("ada", "bob"))
    )
    assert (await slots.choice("ada"))["variant"] == "quote"
    bob = await slots.choice("bob")
    assert bob["variant"] == "hot words"
    await slots.track("bob", {"tracking": {"event": "Personalisation Shown", "properties": {
        "slot": "banner", "variant": "capped"}}})  # fmt: skip

    seen = {}
    for role in ("ADMIN", "MARKETING", "SUPPORT", "SALES", "PARTNER"):
        reader = await asking(role)
        answers = []
        for user in ("ada", "bob"):
            if role in {"ADMIN", "MARKETING"}:
                continue
            answers.append(await slots.choice(user, by=reader))
        if answers:
            ada, other = answers
            if role == "SALES":
                # They see that panel, and so may be told apart by it.
                assert (ada["variant"], other["variant"]) == ("quote", "hot words")
            else:
                assert ada == other
        listed = await reader.run("{ personalisationSlots { variants { name } } }")
        seen[role] = everything - {one["name"] for one in listed["personalisationSlots"][0]["variants"]}
        timeline = await reader.run(
            """{ profile(identifier: {kind: "user_id", value: "bob"}) { timeline { nodes { name } } } }"""
        )
        names = {event["name"] for event in timeline["profile"]["timeline"]["nodes"]}
        assert ("Personalisation Shown" in names) == (role in {"ADMIN", "MARKETING"})
    assert seen == {
        "ADMIN": set(),
        "MARKETING": set(),
        "SUPPORT": {"quote", "hot words"},
        "SALES": {"active"},
        "PARTNER": {"quote", "hot words", "active"},
    }
    support = await asking("SUPPORT")
    assert await slots.standings("ada", by=support) == {"active": "SHOWN", "anybody": "OUTRANKED"}
    refused = await support.ask('{ personalisationReport(slot: "banner") { arms { variant } } }')
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["FORBIDDEN"]


async def test_an_audience_over_personal_data_is_for_those_who_may_read_it(
    slots: Slotted, api: Api, asking: Asking
) -> None:
    await slots.define()
    stored = await slots.variant("ours", audience={"traits": [{"path": "birthday", "eq": "05-01"}]})
    assert stored["audience"] == {"traits": [{"path": "birthday", "eq": "05-01"}]}
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "traits": {"birthday": "05-01", "plan": "pro"}})
    assert (await slots.choice("ada"))["variant"] == "ours"
    reader = await asking("MARKETING")
    marketing = await slots.choice("ada", by=reader)
    assert (marketing["variant"], marketing["explanation"]["candidates"]) == ("fallback", [])
    await slots.variant("open", audience={"traits": [{"path": "plan", "eq": "pro"}]})
    marketing = await slots.choice("ada", by=reader)
    assert marketing["variant"] == "open"
    assert [one["variant"] for one in marketing["explanation"]["candidates"]] == ["open"]


async def test_a_filter_of_every_kind_is_stored_and_read_as_it_was_given(slots: Slotted, api: Api) -> None:
    """Enums, times, numbers, ids, lists, relations, and, or, not: what `where` finds is who is in the audience."""
    await api.ingest(
        {"type": "GROUP", "userId": "ada", "groupId": "acme", "traits": {"name": "Acme"}},
        {"type": "TRACK", "userId": "ada", "event": "Feature Used", "properties": {"feature": "export"}},
        {"type": "TRACK", "userId": "bob", "event": "Pricing Viewed"},
        {"type": "IDENTIFY", "userId": "cat", "traits": {"plan": {"seats": 12}}},
    )
    ids = {user: (await api.person("user_id", user))["id"] for user in ("ada", "bob", "cat")}
    filters = {
        "enum": {"memberships": {"some": {"account": {"kind": {"in": ["ORGANISATION"]}}}}},
        "time": {"and": [{"lastSeenAt": {"gte": NOW.isoformat()}}, {"createdAt": {"lt": "2200-01-01T00:00:00Z"}}]},
        "number": {"or": [{"buyerIntent": {"score": {"gt": 0.5}}}, {"usage": {"activeDays": {"gte": 1}}}]},
        "id": {"id": {"in": [ids["bob"], ids["cat"]]}},
        "none": {"not": {"id": {"eq": ids["bob"]}}},
        "json": {"traits": [{"path": "plan.seats", "gt": 10}, {"path": "plan", "exists": True}]},
        "features": {"usage": {"features": {"some": {"key": {"eq": "export"}}}}},
        "everybody": {},
    }  # fmt: skip
    await slots.define()
    for name, where in filters.items():
        await slots.variant(name, audience=where)
    document = "query ($where: ProfileFilter) { profiles(where: $where) { nodes { id } } }"
    standings = {user: await slots.standings(user) for user in ids}
    for name, where in filters.items():
        nodes = (await api.run(document, where=where))["profiles"]["nodes"]
        inside = {user for user in ids if standings[user][name] != "OUTSIDE_AUDIENCE"}
        assert inside == {user for user, id_ in ids.items() if {"id": id_} in nodes}, name
    assert {user: standing["json"] != "OUTSIDE_AUDIENCE" for user, standing in standings.items()} == {
        "ada": False,
        "bob": False,
        "cat": True,
    }


async def test_an_audience_that_is_no_filter_any_more_lets_nobody_in(
    slots: Slotted, api: Api, superuser: asyncpg.Connection
) -> None:
    """Rather than everybody, and the explanation says so; the other variants are judged as before."""
    await slots.define()
    await slots.variant("old", audience=USES, priority=1)
    await slots.variant("new", audience={"not": USES})
    await superuser.execute(
        """UPDATE personalisation_variant SET audience = '{"gone": {"eq": 1}}' WHERE name = 'old'"""
    )
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    assert await slots.standings("ada") == {"new": "SHOWN", "old": "UNREADABLE"}
