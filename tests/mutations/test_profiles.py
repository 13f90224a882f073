from __future__ import annotations

from typing import Any

import pytest

from cdp.model.ids import encode_id

WHOLE = """
    id displayName traits
    identifiers { kind value }
    buyerIntent { score level stage furthestStage journey { stage firstAt lastAt count }
        signals { name count firstAt lastAt weight }
        purchases { count totals { currency amount } firstAt lastAt renewalDate } }
    usage { phase adoptionRate activeDays stickiness features { key count firstAt lastAt activeDays }
        onboarding { stepsDone } support { opened closed open } training { started done }
        satisfaction { nps csat } lastUsedAt }
    memberships { totalCount nodes { id account { id name domain } since until influence roles { role } } }
    timeline { totalCount nodes { id name type occurredAt lenses } }
"""
ERRORS = "userErrors { code field message }"


def track(person: dict[str, str], event: str, **rest: Any) -> dict[str, Any]:
    return {"type": "TRACK", "event": event, **person, **rest}


ADA, ADA_AT_HOME = {"userId": "ada"}, {"anonymousId": "ada-at-home"}
BOB = {"userId": "bob"}

HISTORY = [
    {"type": "IDENTIFY", **ADA, "traits": {"email": "ada@acme.test", "name": "Ada", "plan": "free"}},
    {
        "type": "IDENTIFY",
        **BOB,
        "traits": {"email": "bob@acme.test", "name": "Bob"},
        "timestamp": "2026-02-01T00:00:00Z",
    },
    {"type": "GROUP", **ADA, "groupId": "acme", "traits": {"name": "Acme"}},
    track(ADA, "Pricing Viewed", timestamp="2026-02-20T10:00:00Z"),
    track(ADA, "Order Completed", properties={"order_id": "o1", "total": 19.9, "currency": "EUR"}),
    track(
        ADA,
        "Order Completed",
        properties={"order_id": "o2", "total": 5, "currency": "EUR"},
        context={"groupId": "acme"},
    ),
    track(ADA_AT_HOME, "Feature Used", properties={"feature": "search"}, timestamp="2026-02-25T10:00:00Z"),
    track(BOB, "Feature Used", properties={"feature": "export"}, context={"groupId": "acme"}),
    track(BOB, "Feature Used", properties={"feature": "search"}, timestamp="2026-02-27T10:00:00Z"),
    track(BOB, "Support Ticket Opened"),
    track(BOB, "Feedback Submitted", properties={"nps": 9}),
    track(BOB, "Demo Requested", timestamp="2026-02-21T10:00:00Z"),
]


@pytest.fixture
async def people(api) -> dict[str, str]:
    await api.ingest(*HISTORY)
    return {
        "ada": (await api.person("user_id", "ada"))["id"],
        "home": (await api.person("anonymous_id", "ada-at-home"))["id"],
        "bob": (await api.person("user_id", "bob"))["id"],
    }


async def whole(api, person: str) -> dict[str, Any]:
    """Everything that GraphQL tells of a person."""
    return (await api.run(f"query ($id: ID!) {{ profile(id: $id) {{ {WHOLE} }} }}", id=person))["profile"]


async def merge(api, into: str, from_: str, **rest: str) -> dict[str, Any]:
    return await api.mutate(
        "profileMerge", f"profile {{ id }} {ERRORS}", {"into": into, "from": from_, **rest}
    )


async def split(api, person: str, *identifiers: tuple[str, str], **rest: str) -> dict[str, Any]:
    given = [{"kind": kind, "value": value} for kind, value in identifiers]
    return await api.mutate(
        "profileSplit",
        f"remaining {{ id }} separated {{ id }} {ERRORS}",
        {"profile": person, "identifiers": given, **rest},
    )


async def test_a_merge_keeps_one_id_and_joins_what_is_known(api, people):
    payload = await merge(api, people["ada"], people["home"], reason="She told us.")
    assert payload == {"profile": {"id": people["ada"]}, "userErrors": []}
    ada = await whole(api, people["ada"])
    assert {one["value"] for one in ada["identifiers"]} == {"ada", "ada@acme.test", "ada-at-home"}
    assert [feature["key"] for feature in ada["usage"]["features"]] == ["search"]
    assert ada["buyerIntent"]["purchases"]["totals"] == [{"currency": "EUR", "amount": "24.9"}]


async def test_a_merged_id_keeps_resolving_to_the_survivor(api, people):
    await merge(api, people["bob"], people["home"])
    await merge(api, people["ada"], people["bob"])
    for old in people.values():
        assert (await api.run("query ($id: ID!) { profile(id: $id) { id } }", id=old))["profile"][
            "id"
        ] == people["ada"]
        assert (await api.run("query ($id: ID!) { node(id: $id) { id } }", id=old))["node"]["id"] == people[
            "ada"
        ]
    payload = await api.mutate(
        "profileUpdate", "profile { id traits }", {"profile": people["home"], "traits": {"city": "Kyiv"}}
    )
    assert payload["profile"]["id"] == people["ada"]
    assert payload["profile"]["traits"]["city"] == "Kyiv"


@pytest.mark.parametrize("settled", [False, True])
async def test_merge_then_split_restores_both_sides_to_the_letter(api, application, people, settled):
    if settled:
        await application.worker.settle_once()
    before = {name: await whole(api, person) for name, person in people.items()}
    await merge(api, people["ada"], people["bob"])
    together = await whole(api, people["ada"])
    assert together["timeline"]["totalCount"] == sum(
        before[name]["timeline"]["totalCount"] for name in ("ada", "bob")
    )
    if settled:
        await application.worker.settle_once()
    payload = await split(api, people["ada"], ("user_id", "bob"), ("email", "bob@acme.test"))
    assert payload == {
        "remaining": {"id": people["ada"]},
        "separated": {"id": people["bob"]},
        "userErrors": [],
    }
    if settled:
        await application.worker.settle_once()
    assert {name: await whole(api, person) for name, person in people.items()} == before


async def test_a_merge_into_the_other_side_is_undone_as_well(api, people):
    """Whoever survives: the sides get their own ids back, and the accounts their members."""
    members = """{ account(domain: "acme.test") { people { nodes { person { id } since } } alignment
        usage { activeDays } buyerIntent { score } } accounts { nodes { id name people { totalCount } } } }"""
    before = {name: await whole(api, person) for name, person in people.items()}, await api.run(members)
    await merge(api, people["home"], people["ada"])
    await merge(api, people["home"], people["bob"])
    await split(api, people["home"], ("user_id", "bob"), ("email", "bob@acme.test"))
    await split(api, people["home"], ("user_id", "ada"), ("email", "ada@acme.test"))
    assert (
        {name: await whole(api, person) for name, person in people.items()},
        await api.run(members),
    ) == before


async def test_what_was_split_is_not_joined_by_itself_again(api, people):
    await merge(api, people["ada"], people["home"])
    await split(api, people["ada"], ("anonymous_id", "ada-at-home"), reason="Her brother's laptop.")
    await api.ingest(track({**ADA, **ADA_AT_HOME}, "Pricing Viewed"))
    assert (await api.person("anonymous_id", "ada-at-home"))["id"] == people["home"]
    payload = await merge(api, people["ada"], people["home"])
    assert payload["userErrors"] == []
    assert (await api.person("anonymous_id", "ada-at-home"))["id"] == people["ada"]


async def test_impossible_merges_are_told_and_change_nothing(api, people, asking, other_workspace):
    stranger = await asking("ADMIN", of=other_workspace)
    await stranger.ingest(track({"userId": "eve"}, "Pricing Viewed"))
    foreign = (await stranger.person("user_id", "eve"))["id"]
    ada = people["ada"]
    cases = [
        ((ada, ada), "CONFLICT", "from"),
        ((ada, foreign), "NOT_FOUND", "from"),
        ((foreign, ada), "NOT_FOUND", "into"),
        ((ada, encode_id("Profile", 2**62)), "NOT_FOUND", "from"),
        ((ada, encode_id("Account", 1)), "NOT_FOUND", "from"),
        ((ada, "no id"), "NOT_FOUND", "from"),
        (("", ada), "NOT_FOUND", "into"),
    ]
    before = await whole(api, ada)
    for (into, from_), code, field in cases:
        payload = await merge(api, into, from_)
        assert payload["profile"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            (code, ["input", field])
        ]
        assert payload["userErrors"][0]["message"].endswith(".")
    assert await whole(api, ada) == before


async def test_impossible_splits_are_told_and_change_nothing(api, people):
    ada = people["ada"]
    cases = [
        ((), "BAD_USER_INPUT", ["input", "identifiers"]),
        ((("user_id", "ada"), ("email", "ada@acme.test")), "CONFLICT", ["input", "identifiers"]),
        ((("user_id", "bob"),), "BAD_USER_INPUT", ["input", "identifiers", "0"]),
        ((("user_id", "ada"), ("email", "no address")), "BAD_USER_INPUT", ["input", "identifiers", "1"]),
    ]
    before = await whole(api, ada)
    for identifiers, code, field in cases:
        payload = await split(api, ada, *identifiers)
        assert (payload["remaining"], payload["separated"]) == (None, None)
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    assert await whole(api, ada) == before


async def test_what_a_person_states_is_an_event_of_theirs(api, people):
    payload = await api.mutate(
        "profileUpdate",
        f"profile {{ traits timeline(first: 1) {{ nodes {{ type source }} }} }} {ERRORS}",
        {"profile": people["ada"], "traits": {"plan": "pro", "nested": {"a": [1, None]}}},
    )
    assert payload["userErrors"] == []
    assert payload["profile"]["traits"] == {
        "email": "ada@acme.test", "name": "Ada", "plan": "pro", "nested": {"a": [1, None]}
    }  # fmt: skip
    assert payload["profile"]["timeline"]["nodes"] == [{"type": "identify", "source": "human:admin"}]


async def test_identifiers_are_added_as_their_kinds_write_them(api, people):
    payload = await api.mutate(
        "profileUpdate",
        f"profile {{ id identifiers {{ kind value }} }} {ERRORS}",
        {
            "profile": people["ada"],
            "addIdentifiers": [
                {"kind": "phone", "value": "(212) 555-2368"},
                {"kind": "email", "value": "ADA@Home.test"},
            ],
        },
    )
    assert payload["userErrors"] == []
    assert {"kind": "phone", "value": "+12125552368"} in payload["profile"]["identifiers"]
    assert {"kind": "email", "value": "ada@home.test"} in payload["profile"]["identifiers"]
    assert (await api.person("email", "ada@home.test"))["id"] == people["ada"]


async def test_what_cannot_be_stated_is_told_and_changes_nothing(api, people):
    ada = people["ada"]
    deep: Any = "x"
    for _ in range(70):
        deep = {"a": deep}
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        ({}, "BAD_USER_INPUT", []),
        ({"traits": {}}, "BAD_USER_INPUT", []),
        ({"traits": ["a"]}, "BAD_USER_INPUT", ["traits"]),
        ({"traits": {"a": "b\0"}}, "BAD_USER_INPUT", ["traits"]),
        ({"traits": {"": 1}}, "BAD_USER_INPUT", ["traits"]),
        ({"traits": deep}, "BAD_USER_INPUT", ["traits"]),
        ({"traits": {"a": "x" * 40_000}}, "TOO_LARGE", ["traits"]),
        ({"traits": {"email": "no address"}}, "BAD_USER_INPUT", ["traits", "email"]),
        ({"traits": {"email": "bob@acme.test"}}, "CONFLICT", ["traits", "email"]),
        ({"addIdentifiers": [{"kind": "phone", "value": "12"}]}, "BAD_USER_INPUT", ["addIdentifiers", "0"]),
        (
            {"addIdentifiers": [{"kind": "email", "value": "undefined"}]},
            "BAD_USER_INPUT",
            ["addIdentifiers", "0"],
        ),
        ({"addIdentifiers": [{"kind": "user_id", "value": "bob"}]}, "CONFLICT", ["addIdentifiers", "0"]),
        ({"addIdentifiers": [{"kind": "user_id", "value": "ada2"}]}, "CONFLICT", ["addIdentifiers", "0"]),
    ]
    before = await whole(api, ada)
    for given, code, field in cases:
        payload = await api.mutate("profileUpdate", f"profile {{ id }} {ERRORS}", {"profile": ada, **given})
        assert payload["profile"] is None, given
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            (code, ["input", *field])
        ], given
    assert await whole(api, ada) == before
    assert await api.person("user_id", "ada2") is None
