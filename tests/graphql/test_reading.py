"""What comes back for people and accounts whose events went in through the tracking API."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
import pytest

PERSON = "query ($of: IdentifierInput!) { profile(identifier: $of) { %s } }"


def person(world: Any, user_id: str, selection: str, **named: Any) -> Any:
    return world.data(PERSON % selection, of={"kind": "user_id", "value": user_id}, **named)["profile"]


def test_a_buyer_has_a_full_intent_panel_and_an_ordinary_empty_usage_panel(world: Any) -> None:
    ann = person(
        world,
        "ann",
        """displayName traits buyerIntent {
             level stage furthestStage asOf journey { stage count } signals(first: 2) { name count }
             purchases { count totals { currency amount } renewalDate firstAt lastAt } }
           usage { phase adoptionRate activeDays stickiness features { key } lastUsedAt
             onboarding { stepsDone stepsDefined steps { name } timeToActivation }
             support { opened closed open } training { started done } satisfaction { nps npsAt csat csatAt } }""",
    )
    assert ann == {
        "displayName": "Ann Archer",
        "traits": {
            "city": "Oslo",
            "email": "ann@acme-works.com",
            "name": "Ann Archer",
            "plan": {"name": "pro", "seats": 40},
        },
        "buyerIntent": {
            "level": "HOT",
            "stage": "PURCHASE",
            "furthestStage": "PURCHASE",
            "asOf": "2026-11-20T12:00:00.000000Z",
            "journey": ann["buyerIntent"]["journey"],
            "signals": ann["buyerIntent"]["signals"],
            "purchases": {
                "count": 3,
                "totals": [{"currency": "EUR", "amount": "1300"}, {"currency": "USD", "amount": "49.95"}],
                "renewalDate": "2027-11-20",
                "firstAt": "2026-11-12T12:00:00.000000Z",
                "lastAt": "2026-11-18T12:00:00.000000Z",
            },
        },
        "usage": {
            "phase": "NONE",
            "adoptionRate": 0,
            "activeDays": 0,
            "stickiness": 0,
            "features": [],
            "lastUsedAt": None,
            "onboarding": {"stepsDone": 0, "stepsDefined": None, "steps": [], "timeToActivation": None},
            "support": {"opened": 0, "closed": 0, "open": 0},
            "training": {"started": 0, "done": 0},
            "satisfaction": {"nps": None, "npsAt": None, "csat": None, "csatAt": None},
        },
    }  # fmt: skip
    assert {"stage": "PRICING", "count": 2} in ann["buyerIntent"]["journey"]
    assert len(ann["buyerIntent"]["signals"]) == 2


def test_the_score_is_the_sum_of_the_signals_weights(world: Any) -> None:
    intent = person(world, "ann", "buyerIntent { score signals { weight } }")["buyerIntent"]
    assert intent["score"] == pytest.approx(sum(signal["weight"] for signal in intent["signals"]), abs=1e-4)
    weights = [signal["weight"] for signal in intent["signals"]]
    assert weights == sorted(weights, reverse=True)


def test_a_user_has_a_full_usage_panel(world: Any) -> None:
    usage = person(
        world,
        "bob",
        """usage { phase adoptionRate activeDays stickiness lastUsedAt
             features(first: 1) { key name count activeDays } onboarding { stepsDone steps { name doneAt } }
             support { opened closed open } satisfaction { nps npsAt csat } }
           week: usage(window: "P7D") { activeDays stickiness }""",
    )
    assert usage["usage"] == {
        "phase": "HABITUAL",
        "adoptionRate": 0.75,
        "activeDays": usage["usage"]["activeDays"],
        "stickiness": round(usage["usage"]["activeDays"] / 28, 6),
        "lastUsedAt": "2026-11-20T09:36:00.000000Z",
        "features": [{"key": "export", "name": "Export", "count": 5, "activeDays": 5}],
        "onboarding": {
            "stepsDone": 1,
            "steps": [{"name": "profile", "doneAt": "2026-11-05T12:00:00.000000Z"}],
        },
        "support": {"opened": 2, "closed": 1, "open": 1},
        "satisfaction": {"nps": 9, "npsAt": "2026-11-18T12:00:00.000000Z", "csat": 4.5},
    }
    assert usage["usage"]["activeDays"] >= 15
    assert usage["week"] == {"activeDays": 7, "stickiness": 1}


def test_views_within_an_account_count_only_what_belongs_there(world: Any) -> None:
    """Cat is in two accounts; her order was placed for Globex, her sign-in happened at Acme."""
    found = world.data(
        '{ acme: account(domain: "acme-works.com") { id } accounts(search: "globex") { nodes { id } } }'
    )
    acme, globex = found["acme"]["id"], found["accounts"]["nodes"][0]["id"]
    cat = world.data(
        """query ($acme: ID!, $globex: ID!) { profile(identifier: { kind: "user_id", value: "cat" }) {
           all: buyerIntent { purchases { count } }
           acme: buyerIntent(account: $acme) { purchases { count } }
           globex: buyerIntent(account: $globex) { purchases { count totals { amount } } }
           there: usage(account: $globex) { phase } here: usage(account: $acme) { phase }
           memberships { totalCount
             nodes { account { name } own buyerIntent { purchases { count } } usage { phase } } } } }""",
        acme=acme,
        globex=globex,
    )["profile"]
    assert (cat["all"]["purchases"]["count"], cat["acme"]["purchases"]["count"]) == (1, 0)
    assert cat["globex"]["purchases"] == {"count": 1, "totals": [{"amount": "10"}]}
    assert (cat["there"]["phase"], cat["here"]["phase"]) == ("NONE", "ONBOARDING")
    by_account = {one["account"] and one["account"]["name"]: one for one in cat["memberships"]["nodes"]}
    assert by_account["Globex"]["buyerIntent"]["purchases"]["count"] == 1
    assert by_account["Acme"]["usage"]["phase"] == "ONBOARDING"
    assert cat["memberships"]["totalCount"] == len(by_account) >= 2


def test_a_person_in_no_account_is_a_member_with_themselves(world: Any) -> None:
    dan = person(world, "dan", "memberships { nodes { own account { id } usage { phase } } } usage { phase }")
    assert dan == {
        "memberships": {"nodes": [{"own": True, "account": None, "usage": {"phase": "DORMANT"}}]},
        "usage": {"phase": "DORMANT"},
    }


def test_an_account_shows_its_people_as_one(world: Any) -> None:
    acme = world.data(
        """{ account(domain: "ACME-works.com.") { name kind groupId traits alignment
          alignmentFigures { people buyers purchases activePeople pastPeople }
          buyerIntent { level purchases { count totals { currency amount } } unfilledRoles
            committee { role members { person { displayName } buyerIntent { level } } } }
          usage { phase activePeople { daily weekly monthly } seats { licensed active } support { open } }
          people { totalCount } buyers: people(role: ["ECONOMIC_BUYER"]) { nodes { person { displayName } } } } }"""
    )["account"]
    assert acme["name"] == "Acme"
    assert acme["groupId"] == "acme"
    assert acme["alignment"] == "ALIGNED"
    assert acme["alignmentFigures"] == {
        "people": 3,
        "buyers": 1,
        "purchases": 3,
        "activePeople": 2,
        "pastPeople": 0,
    }
    assert acme["buyerIntent"]["purchases"] == {
        "count": 3,
        "totals": [{"currency": "EUR", "amount": "1300"}, {"currency": "USD", "amount": "49.95"}],
    }
    assert acme["usage"]["activePeople"] == {"daily": 1, "weekly": 2, "monthly": 2}
    assert acme["usage"]["seats"] == {"licensed": None, "active": 2}
    assert acme["usage"]["phase"] == "HABITUAL"
    assert acme["people"]["totalCount"] == 3
    assert [one["person"]["displayName"] for one in acme["buyers"]["nodes"]] == ["Ann Archer"]
    seats = {seat["role"]: seat["members"] for seat in acme["buyerIntent"]["committee"]}
    assert seats["ECONOMIC_BUYER"] == [
        {"person": {"displayName": "Ann Archer"}, "buyerIntent": {"level": "HOT"}}
    ]
    assert "ECONOMIC_BUYER" not in acme["buyerIntent"]["unfilledRoles"]


def test_roles_carry_their_evidence(world: Any) -> None:
    roles = person(
        world,
        "ann",
        "memberships { nodes { roles { role confidence source evidence { reason facts } since until } } }",
    )["memberships"]["nodes"][0]["roles"]
    buyer = next(role for role in roles if role["role"] == "ECONOMIC_BUYER")
    assert 0 < buyer["confidence"] <= 1
    assert buyer["evidence"]
    assert all(one["reason"] for one in buyer["evidence"])


def test_enriched_traits_carry_their_provenance(world: Any) -> None:
    traits = person(
        world, "ann", "enrichment { key provider confidence cost about { kind value } fetchedAt }"
    )["enrichment"]
    assert traits
    assert {trait["about"]["value"] for trait in traits} <= {"ann@acme-works.com"}
    assert all(trait["provider"] and trait["cost"] for trait in traits)


def test_a_timeline_can_be_narrowed_to_a_lens(world: Any) -> None:
    lenses = person(
        world,
        "dan",
        """all: timeline { totalCount nodes { name lenses occurredAt identifier { kind } } }
           none: timeline(lens: [NONE]) { nodes { name properties } } usage: timeline(lens: [USAGE]) { nodes { name } }
           nothing: timeline(lens: []) { totalCount }""",
    )
    assert [one["name"] for one in lenses["all"]["nodes"]] == [
        "Identified",
        "Something Else Entirely",
        "Signed In",
    ]
    assert lenses["none"]["nodes"][-1] == {"name": "Something Else Entirely", "properties": {"secret": "x"}}
    assert [one["name"] for one in lenses["usage"]["nodes"]] == ["Signed In"]
    assert lenses["nothing"]["totalCount"] == 0


def test_personalisation_mixes_with_planned_fields_and_runs_in_one_batch(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of people, plugins are asked once for each place in the document."""
    calls: list[int] = []
    choose = importlib.import_module("cdp.personalisation.gather")
    original = choose.membership_facts

    async def counted(*given: Any, **named: Any) -> Any:
        calls.append(len(given[2]))
        return await original(*given, **named)

    monkeypatch.setattr(choose, "membership_facts", counted)
    people = world.data(
        """{ profiles(search: "works.com", orderBy: [{ field: DISPLAY_NAME }]) { totalCount edges { cursor node {
          displayName hero: personalisation(slot: "home_hero") { slot variant reason lens } } } } __typename }"""
    )["profiles"]
    assert [edge["node"]["displayName"] for edge in people["edges"]] == [
        "Ann Archer",
        "Bob Baker",
        "Cat Öztürk ✓",
    ]
    assert people["totalCount"] == 3
    assert calls == [3]
    ann, bob = (edge["node"]["hero"] for edge in people["edges"][:2])
    assert ann is not None
    assert bob is not None
    assert ann["variant"] != bob["variant"]


def test_the_same_field_twice_with_different_arguments_fragments_and_directives(world: Any) -> None:
    answer = world.post(
        {
            "query": """query ($id: ID!, $yes: Boolean!, $first: Int = 1) {
              n: node(id: $id) { ...named ... on Profile @include(if: $yes) { b: buyerIntent { l: level } } }
              node(id: $id) { __typename ... on Node { again: id } ... on Account { name }
                ... on Profile { one: memberships(first: $first) { nodes { id } }
                  two: memberships(first: 2) { nodes { own } }
                  displayName @skip(if: $yes) } }
            } fragment named on Profile { name: displayName __typename }""",
            "variables": {"id": world.id_of("ann"), "yes": True},
        }
    )
    text = answer.text
    data = answer.json()["data"]
    assert data["n"] == {"name": "Ann Archer", "__typename": "Profile", "b": {"l": "HOT"}}
    assert data["node"]["again"] == world.id_of("ann")
    assert list(data["node"]) == ["__typename", "again", "one", "two"]
    assert text.index('"n"') < text.index('"node"'), "the answer keeps the order of the selection"


def test_every_kind_of_node_can_be_asked_for_again_by_its_id(world: Any) -> None:
    """And the id that comes back is the same."""
    found = person(
        world, "ann", "id memberships { nodes { id account { id } } } timeline(first: 1) { nodes { id } }"
    )
    membership = found["memberships"]["nodes"][0]
    ids = [found["id"], membership["id"], membership["account"]["id"], found["timeline"]["nodes"][0]["id"]]
    for wanted, type_name in zip(ids, ("Profile", "Membership", "Account", "Event"), strict=True):
        assert world.data("query ($id: ID!) { node(id: $id) { id __typename } }", id=wanted)["node"] == {
            "id": wanted,
            "__typename": type_name,
        }


@pytest.mark.parametrize(
    "wanted", ["", "x", "☃", "UHJvZmlsZQ", "UHJvZmlsZTotMQ", "UHJvZmlsZTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk"]
)
def test_what_was_never_an_id_is_bad_input(world: Any, wanted: str) -> None:
    assert world.errors("query ($id: ID!) { node(id: $id) { id } }", id=wanted) == [
        ("BAD_USER_INPUT", ["node"])
    ]


def test_ids_of_nobody_are_null(world: Any) -> None:
    from cdp.model.ids import encode_id

    for wanted in (encode_id("Profile", 10**12), encode_id("Teapot", 1), encode_id("Event", 2**63 - 1, 1)):
        answer = world.ask("query ($id: ID!) { node(id: $id) { id } }", id=wanted)
        assert answer["data"] == {"node": None}


def test_an_identifier_may_be_written_in_any_way_that_means_the_same(world: Any) -> None:
    document = "query ($of: IdentifierInput!) { profile(identifier: $of) { displayName } }"
    assert world.data(document, of={"kind": "email", "value": " ANN@Acme-Works.com "})["profile"] == {
        "displayName": "Ann Archer"
    }
    for nobody in ("null", "not an address", "😀"):
        assert world.data(document, of={"kind": "email", "value": nobody})["profile"] is None


@pytest.mark.parametrize("arguments", ["", '(id: "UHJvZmlsZTox", identifier: {kind: "email", value: "a"})'])
def test_exactly_one_way_to_say_who_is_meant(world: Any, arguments: str) -> None:
    assert world.errors(f"{{ profile{arguments} {{ id }} }}") == [("BAD_USER_INPUT", ["profile"])]


def test_three_hundred_aliases_make_one_object(world: Any) -> None:
    """The SQL/JSON constructor takes more pairs than functions take arguments."""
    fields = " ".join(f"a{number}: displayName" for number in range(300))
    assert len(person(world, "ann", fields)) == 300


def test_unicode_and_big_numbers_come_back_as_they_went_in(world: Any) -> None:
    assert person(world, "cat", "displayName")["displayName"] == "Cat Öztürk ✓"
    assert msgspec.json.decode(world.post({"query": "{ __typename }"}).content) == {
        "data": {"__typename": "Query"}
    }
