"""Slots and variants over GraphQL: managed by mutation, decided for people, explained."""

from __future__ import annotations

import importlib
from datetime import timedelta

import pytest

from tests.mutations.conftest import NOW, Api, TestClock
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
