"""Who may not read personal data finds it nowhere: not in traits, enrichment or look-ups."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import asyncpg
import pytest

from cdp.access.personal import identifies, names_person
from cdp.app import Application
from cdp.plan.personal import is_personal
from tests.security.conftest import NOW, Side, track

TRAITS: dict[str, Any] = {
    "email": "ann@example.com",
    "Email Address": "ann@example.com",
    "FirstName": "Ann",
    "last-name": "Archer",
    "mobilePhone": "+442079460958",
    "title": "Dr",
    "ip": "10.0.0.1",
    "contact": {"first_name": "Ann"},
    "manager": "Bob <bob@example.com>",
    "links": ["https://a.example", {"linkedIn": "ann"}],
}
HARMLESS: dict[str, Any] = {
    "city": "Oslo",
    "plan": {"name": "pro", "seats": 40},
    "tags": ["a", "b"],
    "vip": True,
}
FIND = "query ($kind: String!, $value: String!) { profile(identifier: { kind: $kind, value: $value }) { id traits } }"


@pytest.fixture
async def ann(ours: Side) -> Side:
    await ours.tell({"type": "identify", "userId": "ann", "traits": TRAITS | HARMLESS})
    return ours


@pytest.mark.parametrize("role", ["MARKETING", "PARTNER"])
async def test_traits_that_tell_who_it_is_are_left_out_however_they_are_written(ann: Side, role: str) -> None:
    found = await ann.data(FIND, role=role, kind="user_id", value="ann")
    assert found["profile"]["traits"] == HARMLESS
    everything = await ann.data(FIND, role="SALES", kind="user_id", value="ann")
    assert everything["profile"]["traits"] == TRAITS | HARMLESS


@pytest.mark.parametrize("role", ["MARKETING", "PARTNER"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [("email", "ann@example.com"), ("phone", "+442079460958"), ("user_id", "ann@example.com")],
)
async def test_a_known_address_or_number_finds_nobody(ann: Side, role: str, kind: str, value: str) -> None:
    """Whether somebody is known, or not, looks the same; also where a system knows people by their addresses."""
    await ann.tell(track("ann@example.com", "Signed In", messageId="m-ann@example.com"))
    unknown = "x@y.test" if "@" in value else "+442079460000"
    answers = [await ann.ask(FIND, role=role, kind=kind, value=one) for one in (value, unknown)]
    ids = "{ profiles { nodes { timeline { nodes { messageId } } } } }"
    assert "example.com" not in str(await ann.data(ids, role=role))
    for answer in answers:
        assert answer["data"] == {"profile": None}
        assert [(error["extensions"]["code"], error["path"]) for error in answer["errors"]] == [
            ("FORBIDDEN", ["profile"])
        ]
    assert (await ann.data(FIND, role="SUPPORT", kind="email", value="ann@example.com"))[
        "profile"
    ] is not None


async def test_python_and_postgresql_take_the_same_for_personal(owner: asyncpg.Connection) -> None:
    """What no index may look for must be just what no statement shows."""
    keys = ["plan", "Name", "home-phone", "mailing", "page", "PostCode", "ip", "ship", "Straße", "a@b", ""]
    inner = ["x", "user name", "nick.name", "E_Mail", "mail", "ünique", "zip code"]
    values: list[Any] = [
        None,
        True,
        7,
        1.5,
        "",
        "a@b",
        "a @ b",
        "@",
        "ann@example.com",
        "x\ty@z",
        '"@"',
        "ö@ü",
    ]
    values += [[], {}, [["a@b"]], ["a", 1], {"a": [{"b": {}}]}]
    values += [
        shape(one)
        for one in inner
        for shape in (lambda k: {k: 1}, lambda k: [1, {"a": [{k: None}]}], lambda k: [k])
    ]
    both = list(itertools.product(keys, values))
    condition = is_personal("given.key", "given.value")
    rows = await owner.fetch(
        f"SELECT {condition} AS personal FROM unnest($1::text[], $2::jsonb[]) WITH ORDINALITY AS given (key, value, at)"
        " ORDER BY given.at",
        [key for key, _ in both],
        [json.dumps(value, ensure_ascii=False) for _, value in both],
    )
    for (key, value), row in zip(both, rows, strict=True):
        assert row["personal"] == (names_person(key) or identifies(value)), (key, value)


async def test_the_attributes_of_a_household_are_those_of_people(ours: Side) -> None:
    traits = {"type": "household", "email": "home@example.com", "rooms": 4}
    await ours.tell({"type": "group", "userId": "ann", "groupId": "home", "traits": traits})
    await ours.tell(
        {"type": "group", "userId": "ann", "groupId": "work", "traits": {"email": "info@example.com"}}
    )
    document = "{ accounts(orderBy: [{ field: CREATED_AT }]) { nodes { groupId traits } } }"
    for role, home in (("MARKETING", {"type": "household", "rooms": 4}), ("SALES", traits)):
        found = await ours.data(document, role=role)
        assert found["accounts"]["nodes"] == [
            {"groupId": "home", "traits": home},
            {"groupId": "work", "traits": {"email": "info@example.com"}},
        ]


async def test_nobody_finds_out_a_household_s_attributes_by_filters_and_orders(ours: Side) -> None:
    """Whoever may not see an attribute filters and sorts as if it were not there."""
    for home in ("a", "b"):
        traits = {"type": "household", "email": f"{home}@example.com", "rooms": 4}
        await ours.tell({"type": "group", "userId": "ann", "groupId": home, "traits": traits})
    filtered = "query ($t: [TraitFilter!]) { accounts(where: { traits: $t }) { totalCount } }"
    ordered = """query ($way: Direction!) { accounts(orderBy: [{ field: TRAIT_TEXT, of: "email", direction: $way }]) {
      nodes { groupId } edges { cursor } } }"""
    for role, found in (("SALES", 1), ("MARKETING", 0)):
        for trait in ({"path": "email", "eq": "a@example.com"}, {"path": "email", "contains": "A@"}):
            data = await ours.data(filtered, role=role, t=[trait])
            assert data["accounts"]["totalCount"] == found
        data = await ours.data(filtered, role=role, t=[{"path": "rooms", "gte": 4}])
        assert data["accounts"]["totalCount"] == 2
        answers = [(await ours.data(ordered, role=role, way=way))["accounts"] for way in ("ASC", "DESC")]
        texts = [
            "example" in str(base64.urlsafe_b64decode(answer["edges"][0]["cursor"] + "=="))
            for answer in answers
        ]
        assert texts == [role == "SALES"] * 2
        assert {tuple(one["groupId"] for one in answer["nodes"]) for answer in answers} == {
            ("a", "b"),
            ("b", "a"),
        }


async def test_enrichment_that_tells_who_it_is_comes_without_its_value(
    ann: Side, application: Application
) -> None:
    async with application.database.connection(ann.workspace_id) as connection:
        node = await connection.fetchval(
            "SELECT node_id FROM node WHERE workspace_id = $1 AND kind = 'email'", ann.workspace_id
        )
        for key, value in (("company", '"Example"'), ("full_name", '"Ann"'), ("owner", '"ann@example.com"')):
            await connection.execute(
                "INSERT INTO enrichment (workspace_id, node_id, provider, key, value, confidence, fetched_at)"
                " VALUES ($1, $2, 'p', $3, $4, 1, $5)",
                *(ann.workspace_id, node, key, value, NOW),
            )
    document = "{ profiles { nodes { enrichment { key value } } } }"
    for role, shown in (
        ("MARKETING", ["Example", None, None]),
        ("SALES", ["Example", "Ann", "ann@example.com"]),
    ):
        found = await ann.data(document, role=role)
        values = [one["value"] for one in found["profiles"]["nodes"][0]["enrichment"]]
        assert values == shown


async def test_how_often_identifiers_were_seen_together_is_for_those_who_see_both_panels(ours: Side) -> None:
    """Every event with both counts: whoever sees one panel could count the events of the other."""
    for _ in range(3):
        await ours.tell(track("ann", "Signed In", anonymousId="visitor"))
    document = """{ identityExplain(a: { kind: "user_id", value: "ann" }, b: { kind: "anonymous_id", value: "visitor" })
      { same chain { rule times lastAt } } }"""
    for role in ("SALES", "SUPPORT"):
        answer = await ours.ask(document, role=role)
        assert answer["data"]["identityExplain"] == {
            "same": True,
            "chain": [{"rule": "page", "times": None, "lastAt": None}],
        }
        assert sorted((error["extensions"]["code"], error["path"][-1]) for error in answer["errors"]) == [
            ("FORBIDDEN", "lastAt"),
            ("FORBIDDEN", "times"),
        ]
    assert (await ours.data(document))["identityExplain"]["chain"][0]["times"] == 3
