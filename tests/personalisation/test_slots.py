"""Slots and variants over GraphQL: managed by mutation, decided for people, explained."""

from __future__ import annotations

import importlib
from datetime import timedelta

import asyncpg
import pytest

from tests.mutations.conftest import NOW, Api, Asking, TestClock
from tests.personalisation.conftest import Slotted

HOT = {"buyerIntent": {"level": {"eq": "HOT"}}}
USES = {"usage": {"phase": {"ne": "NONE"}}}


async def test_a_person_is_shown_the_variant_whose_audience_they_are_in(slots: Slotted, api: Api) -> None:
    """The whole answer, with why each candidate stands as it does."""
    await slots.define(fallback={"is": "nothing"})
    await slots.variant("quote", audience=HOT, lens="INTENT", priority=10)
    await slots.variant("tour", priority=1)
    await slots.variant("later", startsAt=(NOW + timedelta(days=1)).isoformat())
    await slots.variant("over", endsAt=NOW.isoformat())
    await slots.variant("paused", paused=True)
    await api.ingest(
        {"type": "TRACK", "userId": "ada", "event": "Contract Signed"},
        {"type": "TRACK", "userId": "ada", "event": "Contract Signed"},
        {"type": "TRACK", "userId": "bob", "event": "Signed In"},
    )
    assert await slots.choice("ada") == {
        "slot": "banner",
        "variant": "quote",
        "outcome": "ASSIGNED",
        "content": {"is": "quote"},
        "lens": "INTENT",
        "reason": "In its audience.",
        "plugin": None,
        "tracking": {
            "event": "Personalisation Shown",
            "properties": {"slot": "banner", "variant": "quote"},
        },
        "explanation": {
            "consent": "Nothing says otherwise.",
            "inHoldout": False,
            "candidates": [
                {
                    "variant": "later",
                    "plugin": None,
                    "eligible": False,
                    "standing": "NOT_YET",
                    "reason": "It starts at 2026-03-02T12:00:00+00:00.",
                },
                {
                    "variant": "over",
                    "plugin": None,
                    "eligible": False,
                    "standing": "OVER",
                    "reason": "It ended at 2026-03-01T12:00:00+00:00.",
                },
                {
                    "variant": "paused",
                    "plugin": None,
                    "eligible": False,
                    "standing": "PAUSED",
                    "reason": "It is paused.",
                },
                {
                    "variant": "quote",
                    "plugin": None,
                    "eligible": True,
                    "standing": "SHOWN",
                    "reason": "In its audience.",
                },
                {
                    "variant": "tour",
                    "plugin": None,
                    "eligible": True,
                    "standing": "OUTRANKED",
                    "reason": "Another one has a higher priority.",
                },
            ],
        },
    }
    bob = await slots.choice("bob")
    assert (bob["variant"], bob["lens"], bob["reason"]) == ("tour", "NONE", "For everybody.")
    assert (await slots.standings("bob"))["quote"] == "OUTSIDE_AUDIENCE"


async def test_a_cap_holds_over_all_that_a_person_is_known_by(
    slots: Slotted, api: Api, clock: TestClock
) -> None:
    """Counted from tracked impressions, visible at once; over when the period is."""
    await slots.define()
    capped = await slots.variant("capped", priority=1, cap={"times": 2, "within": "P1D"})
    assert capped["cap"] == {"times": 2, "within": "P1D"}
    await slots.variant("always")
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "anonymousId": "visitor"})
    seen = []
    for user in ("ada", "visitor", "ada"):
        choice = await slots.choice("ada")
        seen.append(choice["variant"])
        who = {"anonymousId": "visitor"} if user == "visitor" else {"userId": "ada"}
        await api.ingest({"type": "TRACK", **who, **choice["tracking"]})
        clock.advance(hours=1)
    assert seen == ["capped", "capped", "always"]
    (why,) = [
        one["reason"]
        for one in (await slots.choice("ada"))["explanation"]["candidates"]
        if one["standing"] == "CAPPED"
    ]
    assert why == "Shown 2 times within 1 day; the cap is 2."
    clock.advance(hours=22)
    assert (await slots.choice("ada"))["variant"] == "capped"


async def test_the_holdout_is_shown_the_fallback_and_says_what_is_withheld(slots: Slotted, api: Api) -> None:
    """Also in what is tracked, for the report."""
    await slots.define(holdout=1.0, fallback={"is": "plain"})
    await slots.variant("a")
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    choice = await slots.choice("ada")
    assert (choice["variant"], choice["outcome"], choice["content"]) == (
        "holdout",
        "HOLDOUT",
        {"is": "plain"},
    )
    assert choice["tracking"]["properties"] == {"slot": "banner", "variant": "holdout", "withheld": "a"}
    assert choice["explanation"]["inHoldout"] is True
    assert await slots.standings("ada") == {"a": "WITHHELD"}


async def test_nothing_eligible_is_the_fallback_and_an_unknown_slot_nothing(slots: Slotted, api: Api) -> None:
    await slots.define(fallback={"is": "plain"})
    await slots.variant("a", audience=HOT)
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    choice = await slots.choice("ada")
    assert (choice["variant"], choice["outcome"], choice["content"]) == (
        "fallback",
        "FALLBACK",
        {"is": "plain"},
    )
    assert choice["tracking"]["properties"] == {"slot": "banner", "variant": "fallback"}
    assert await slots.choice("ada", slot="nobody's") is None


async def test_several_slots_are_filled_in_one_call_in_the_order_asked_for(slots: Slotted, api: Api) -> None:
    """For all people of a page at once; a name that is asked for twice is answered twice."""
    for name in ("one", "two"):
        await slots.define(name)
        await slots.variant(f"{name} a", slot=name)
    await api.ingest(*({"type": "IDENTIFY", "userId": f"u{number}"} for number in range(3)))
    found = await api.run(
        """{ profiles { nodes { personalisations(slots: ["two", "none", "one", "two"]) { slot variant } } } }"""
    )
    two, one = {"slot": "two", "variant": "two a"}, {"slot": "one", "variant": "one a"}
    assert found["profiles"]["nodes"] == [{"personalisations": [two, None, one, two]}] * 3
    many = await api.ask(
        "query ($s: [String!]!) { profiles { nodes { personalisations(slots: $s) { slot } } } }",
        s=["x"] * 51,
    )
    assert {error["message"] for error in many["errors"]} == {
        "Ask for at most 50 slots at once; these are 51."
    }


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
    stored = await slots.variant("ours", audience={"traits": [{"path": "plan", "eq": "pro"}]})
    assert stored["audience"] == {"traits": [{"path": "plan", "eq": "pro"}]}
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "traits": {"plan": "pro"}})
    assert (await slots.choice("ada"))["variant"] == "ours"
    marketing = await slots.choice("ada", by=await asking("MARKETING"))
    assert (marketing["variant"], marketing["explanation"]["candidates"]) == ("fallback", [])


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


async def test_mutations_say_what_cannot_be_kept(slots: Slotted, api: Api) -> None:
    await slots.define()
    refusals = {
        "name": {"name": "holdout"},
        "name ": {"name": " a"},
        "weight": {"weight": 0},
        "endsAt": {"startsAt": NOW.isoformat(), "endsAt": NOW.isoformat()},
        "cap": {"cap": {"times": 0}},
        "cap ": {"cap": {"times": 1, "within": "P91D"}},
        "content": {"content": [1]},
        "content ": {"content": {"a": "\0"}},
        "slot": {"slot": "nobody's"},
        "priority": {"priority": 1_000_001},
    }
    for field, changes in refusals.items():
        payload = await api.mutate(
            "personalisationVariantSet",
            "slot { name } userErrors { field }",
            {"slot": "banner", "name": "a", "content": {}, **changes},
        )
        assert payload == {"slot": None, "userErrors": [{"field": ["input", field.strip()]}]}, field
    for field, changes in {
        "holdout": {"holdout": 1.5},
        "salt": {"salt": ""},
        "goalWithin": {"goalWithin": "PT0S"},
        "goals": {"goals": [""]},
    }.items():
        payload = await api.mutate(
            "personalisationSlotDefine",
            "slot { name } userErrors { field }",
            {"name": "other", **changes},
        )
        assert payload == {"slot": None, "userErrors": [{"field": ["input", field]}]}, field
    listed = await api.run("{ personalisationSlots { name variants { name } } }")
    assert listed["personalisationSlots"] == [{"name": "banner", "variants": []}]


async def test_a_slot_keeps_its_salt_and_its_variants_until_told_otherwise(slots: Slotted, api: Api) -> None:
    """So that saying something else anew deals nobody anew."""
    made = await slots.define()
    assert len(made["salt"]) == 16
    await slots.variant("a")
    changed = await slots.define(holdout=0.5, goals=["Demo Requested"], goalWithin="P2D")
    assert changed == {
        "name": "banner",
        "salt": made["salt"],
        "holdout": 0.5,
        "fallback": {},
        "goals": ["Demo Requested"],
        "goalWithin": "P2D",
        "variants": [{"name": "a"}],
    }
    assert (await slots.define(salt="of my own"))["salt"] == "of my own"


async def test_what_is_taken_away_is_no_longer_shown(slots: Slotted, api: Api) -> None:
    """A variant, then its slot; a second time there is nothing to take away."""
    await slots.define()
    await slots.variant("a")
    await slots.variant("b", priority=1)
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    selection = "slot { variants { name } } userErrors { code }"
    given = {"slot": "banner", "name": "b"}
    assert await api.mutate("personalisationVariantRemove", selection, given) == {
        "slot": {"variants": [{"name": "a"}]},
        "userErrors": [],
    }
    again = await api.mutate("personalisationVariantRemove", selection, given)
    assert again == {"slot": None, "userErrors": [{"code": "NOT_FOUND"}]}
    assert (await slots.choice("ada"))["variant"] == "a"
    gone = await api.mutate("personalisationSlotRemove", "name userErrors { code }", {"name": "banner"})
    assert gone == {"name": "banner", "userErrors": []}
    assert await slots.choice("ada") is None


async def test_more_choices_at_once_than_can_be_made_are_refused(
    slots: Slotted, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is what can be no name of a slot."""
    monkeypatch.setattr(importlib.import_module("cdp.personalisation.choose"), "MOST_CANDIDATES", 6)
    await slots.define()
    await slots.variant("a")
    await slots.variant("b")
    await api.ingest(*({"type": "IDENTIFY", "userId": user} for user in ("ada", "bob")))
    document = """query ($slots: [String!]!) {
      profiles { nodes { personalisations(slots: $slots) { slot } } } }"""
    codes = {}
    for name in ("banner", "a\0b", "x" * 201):
        for names in ([name], [name, "other"]):
            answer = await api.ask(document, slots=names)
            codes[name, len(names)] = {one["extensions"]["code"] for one in answer.get("errors", ())}
    assert codes.pop(("banner", 1)) == set()
    assert codes.pop(("banner", 2)) == {"COMPLEXITY"}
    assert set(map(tuple, codes.values())) == {("BAD_USER_INPUT",)}
