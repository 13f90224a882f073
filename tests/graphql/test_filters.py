"""Filters and search over people, accounts and memberships."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

NOT_EXTRA = 'not: { displayName: { startsWith: "extra" } }'


def names(world: Any, where: str, **variables: Any) -> list[str]:
    document = "{ profiles(where: { %s }, orderBy: [{ field: DISPLAY_NAME }], first: 200) { nodes { displayName } } }"
    found = world.data(document % where, **variables)["profiles"]["nodes"]
    return [one["displayName"].split()[0] for one in found]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('displayName: { eq: "Ann Archer" }', ["Ann"]),
        ('displayName: { eq: "ann archer" }', []),
        ('displayName: { startsWith: "ANN" }', ["Ann"]),
        ('displayName: { endsWith: "baker" }', ["Bob"]),
        ('displayName: { contains: "ÖZTÜRK" }', ["Cat"]),
        ('displayName: { in: ["Dan", "Nobody"] }', ["Dan"]),
        (f'displayName: {{ notIn: ["Dan"] }}, {NOT_EXTRA}', ["Ann", "Bob", "Cat", "eve", "fay", "visitor-1"]),
        (f"displayName: {{ exists: true }}, {NOT_EXTRA}", ["Ann", "Bob", "Cat", "Dan", "eve", "fay", "visitor-1"]),
        ('displayName: { contains: "%" }', []),
        ('traits: [{ path: "plan.name", eq: "pro" }]', ["Ann"]),
        ('traits: [{ path: "plan.name" }]', ["Ann", "Bob"]),
        ('traits: [{ path: "plan", eq: { name: "free" } }]', ["Bob"]),
        ('traits: [{ path: "plan.seats", gte: 40 }, { path: "city", in: ["Oslo", 3] }]', ["Ann"]),
        ('traits: [{ path: "plan.name", gt: 1 }]', []),
        ('traits: [{ path: "city", contains: "OSL" }]', ["Ann"]),
        (f'traits: [{{ path: "name", exists: false }}], {NOT_EXTRA}', ["eve", "fay", "visitor-1"]),
        ('traits: [{ path: "plan.name", ne: "pro" }, { path: "plan", exists: true }]', ["Bob"]),
        ("buyerIntent: { score: { gt: 40 } }", ["Ann"]),
        ("buyerIntent: { level: { eq: HOT } }", ["Ann"]),
        ("buyerIntent: { level: { in: [HOT, WARM] } }", ["Ann"]),
        ("buyerIntent: { furthestStage: { gte: PURCHASE } }", ["Ann", "Cat"]),
        ("buyerIntent: { purchaseCount: { gte: 1, lt: 3 } }", ["Cat"]),
        ('buyerIntent: { lastPurchaseAt: { gte: "2026-11-01T00:00:00Z" } }', ["Ann"]),
        ("usage: { phase: { eq: HABITUAL } }", ["Bob"]),
        ("usage: { phase: { in: [ONBOARDING, DORMANT] } }", ["Cat", "Dan"]),
        ("usage: { activeDays: { gte: 10 } }", ["Bob"]),
        ("usage: { stickiness: { gt: 0.5 } }", ["Bob"]),
        ("usage: { adoptionRate: { gte: 0.75 } }", ["Bob"]),
        ("productQualified: { eq: true }", ["Bob"]),
        ("buyerIntent: { level: { ne: COLD } }", ["Ann"]),
        ("buyerIntent: { level: { in: [] } }", []),
        ("memberships: { some: { influence: { gt: 0 } } }", ["Bob"]),
        ("memberships: { some: { account: { alignment: { eq: USERS_WITHOUT_BUYER } } } }", []),
        (
            'memberships: { some: { account: { alignment: { in: [ALIGNED] }, name: { eq: "Acme" } } } }',
            ["Ann", "Bob", "Cat"],
        ),
        ("usage: { lastUsedAt: { exists: true } }", ["Bob", "Cat", "Dan", "eve"]),
        ('identifiers: { some: { kind: { eq: "anonymous_id" } } }', ["visitor-1"]),
        ('identifiers: { some: { value: { endsWith: "elsewhere-works.com" } } }', ["Cat"]),
        ('memberships: { some: { account: { name: { eq: "Globex" } } } }', ["Cat", "eve", "fay"]),
        ('memberships: { some: { account: { name: { eq: "Globex" } }, own: { eq: true } } }', ["Cat", "fay"]),
        ('memberships: { some: { role: { eq: "ECONOMIC_BUYER" }, account: { name: { eq: "Acme" } } } }', ["Ann"]),
        ("memberships: { none: { account: { kind: { eq: ORGANISATION } } } }, " + NOT_EXTRA, ["Dan", "visitor-1"]),
        (f'memberships: {{ every: {{ account: {{ name: {{ eq: "Acme" }} }} }} }}, {NOT_EXTRA}', ["Ann", "Bob"]),
        ("memberships: { some: { usage: { phase: { eq: HABITUAL } } } }", ["Bob"]),
        (
            'memberships: { some: { account: { members: { some: { person: { displayName: { eq: "fay" } } } } } } }',
            ["Cat", "eve", "fay"],
        ),
        (
            'memberships: { some: { roles: { some: { role: { eq: "ECONOMIC_BUYER" }, confidence: { gt: 0.5 } } } } }',
            ["Ann", "Cat"],
        ),
        ("memberships: { some: { endedRoles: { some: {} } } }", []),
        ("usage: { satisfaction: { nps: { exists: true } } }", ["Bob"]),
        ('buyerIntent: { purchases: { renewalDate: { gte: "2027-01-01" } } }', ["Ann"]),
        ('usage: { onboarding: { timeToActivation: { lte: "P1D" } } }', ["Bob", "eve"]),
        ("or: []", []),
        ('or: [{ displayName: { eq: "Dan" } }, { displayName: { eq: "fay" } }]', ["Dan", "fay"]),
        (f"and: [], {NOT_EXTRA}", ["Ann", "Bob", "Cat", "Dan", "eve", "fay", "visitor-1"]),
        ('and: [{ displayName: { contains: "a" } }, { or: [{ usage: { phase: { eq: HABITUAL } } }] }]', ["Bob"]),
        ("not: {}", []),
        ('displayName: { eq: "Dan" }, usage: null, and: null, memberships: { some: null }', ["Dan"]),
    ],
)  # fmt: skip
def test_people_are_found_by(world: Any, where: str, expected: list[str]) -> None:
    assert names(world, where) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("name", "bars"), [("activeDays", (0, 1, 2, 5, 12, 29)), ("adoptionRate", (0, 0.3, 0.5, 1))]
)
def test_a_filter_on_usage_finds_whom_the_field_would_name(
    world: Any, name: str, bars: Iterable[float]
) -> None:
    """In the workspace's window, as the field has it where no window is given; an unknown rate passes no bar."""
    document = f"{{ profiles(first: 200) {{ nodes {{ id usage {{ {name} }} }} }} }}"
    values = {one["id"]: one["usage"][name] for one in world.data(document)["profiles"]["nodes"]}
    assert len(set(values.values())) > 2
    for bar in bars:
        where = f"{{ usage: {{ {name}: {{ gte: {bar} }} }} }}"
        document = f"{{ profiles(first: 200, where: {where}) {{ nodes {{ id }} }} }}"
        found = {one["id"] for one in world.data(document)["profiles"]["nodes"]}
        assert found == {who for who, value in values.items() if value is not None and value >= bar}


def test_objects_are_found_by_their_ids(world: Any) -> None:
    ann, dan = world.id_of("ann"), world.id_of("dan")
    document = "query ($w: ProfileFilter) { profiles(where: $w, orderBy: [{ field: DISPLAY_NAME }]) { nodes { id } } }"

    def found(where: Any) -> list[str]:
        return [one["id"] for one in world.data(document, w=where)["profiles"]["nodes"]]

    assert found({"id": {"eq": ann}}) == [ann]
    assert found({"id": {"in": [ann, dan, "UHJvZmlsZTo5OTk5OTk"]}}) == [ann, dan]
    assert found({"id": {"in": [ann, dan]}, "not": {"id": {"eq": ann}}}) == [dan]
    assert found({"id": {"in": []}}) == []
    for wrong in ("x", "", "QWNjb3VudDox"):
        assert world.errors(document, w={"id": {"eq": wrong}}) == [("BAD_USER_INPUT", ["profiles"])]


@pytest.mark.parametrize("search", ["ANN", "archer ann", "ann@acme", "acme-works ann"])
def test_search_finds_every_word_somewhere_in_names_and_identifiers(world: Any, search: str) -> None:
    found = world.data("query ($s: String) { profiles(search: $s) { nodes { displayName } } }", s=search)
    assert found["profiles"]["nodes"] == [{"displayName": "Ann Archer"}]


def test_accounts_are_found_by_their_own_values_and_their_people(world: Any) -> None:
    document = (
        "query ($w: AccountFilter) { accounts(where: $w, orderBy: [{field: NAME}]) { nodes { name } } }"
    )

    def found(where: dict[str, Any]) -> list[str]:
        return [one["name"] for one in world.data(document, w=where)["accounts"]["nodes"]]

    assert found({"domain": {"eq": "acme-works.com"}}) == ["Acme"]
    assert found({"traits": [{"path": "industry", "eq": "Toys"}]}) == ["Acme"]
    assert found({"members": {"some": {"person": {"usage": {"phase": {"eq": "HABITUAL"}}}}}}) == ["Acme"]
    assert found({"name": {"in": ["Acme", "Globex"]}}) == ["Acme", "Globex"]


def test_the_same_plan_serves_other_values_and_another_shape_gets_its_own(world: Any) -> None:
    """Variables of one document may differ in value, in which operators they give, and in what is null."""
    document = "query ($w: ProfileFilter, $first: Int) { profiles(where: $w, first: $first) { nodes { displayName } } }"

    def found(where: Any, first: int | None = None) -> list[str]:
        return [one["displayName"] for one in world.data(document, w=where, first=first)["profiles"]["nodes"]]

    assert found({"displayName": {"eq": "Dan"}}) == ["Dan"]
    assert found({"displayName": {"eq": "fay"}}) == ["fay"]
    assert found({"displayName": {"in": ["Dan", "fay"]}}) == ["fay", "Dan"]
    assert found({"or": [{"displayName": {"eq": "Dan"}}, {"displayName": {"eq": "fay"}}]}) == ["fay", "Dan"]
    assert found({"usage": {"phase": {"eq": "HABITUAL"}}}) == ["Bob Baker"]
    assert found({"usage": {"phase": {"eq": "DORMANT"}}}) == ["Dan"]
    assert found({"displayName": {"eq": "Dan"}}, first=0) == []
    assert len(found(None)) == 20


@pytest.mark.parametrize(
    "where",
    [
        {"displayName": {"eq": None}},
        {"displayName": {"contains": "a\u0000b"}},
        {"traits": [{"path": "", "eq": 1}]},
        {"traits": [{"path": "a..b"}]},
        {"traits": [{"path": "a", "eq": {"deep": "a\u0000b"}}]},
        {"traits": [{"path": "a", "eq": None}]},
    ],
)
def test_a_filter_that_cannot_be_is_bad_input(world: Any, where: Any) -> None:
    document = "query ($w: ProfileFilter) { profiles(where: $w) { nodes { id } } }"
    assert world.errors(document, w=where) == [("BAD_USER_INPUT", ["profiles"])]


def test_a_filter_with_too_many_conditions_is_too_complex(world: Any) -> None:
    where = {"or": [{"displayName": {"eq": str(number)}} for number in range(300)]}
    document = "query ($w: ProfileFilter) { profiles(where: $w) { nodes { id } } }"
    assert world.errors(document, w=where) == [("COMPLEXITY", ["profiles"])]
