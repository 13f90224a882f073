"""Who lacks a scope gets null and one error for each field of the document, and may not find out otherwise."""

from __future__ import annotations

from typing import Any

import pytest

BOTH_PANELS = """{ profiles(first: 3, orderBy: [{ field: CREATED_AT }]) { nodes {
  displayName buyerIntent { score } usage { phase } productQualified identifiers { kind value } } } }"""


@pytest.mark.parametrize(
    ("role", "forbidden"),
    [
        ("ADMIN", set()),
        ("SALES", {"usage", "productQualified"}),
        ("SUPPORT", {"buyerIntent", "productQualified"}),
        ("MARKETING", set()),
        ("PARTNER", {"usage", "buyerIntent", "productQualified"}),
    ],
)
def test_hidden_fields_are_null_with_one_error_each(world: Any, role: str, forbidden: set[str]) -> None:
    """Not one for each person of the list."""
    answer = world.ask(BOTH_PANELS, role=role)
    people = answer["data"]["profiles"]["nodes"]
    assert len(people) == 3
    assert {".".join(error["path"][2:]) for error in answer.get("errors", [])} == forbidden
    assert len(answer.get("errors", [])) == len(forbidden)
    assert {error["extensions"]["code"] for error in answer.get("errors", [])} <= {"FORBIDDEN"}
    for field in ("buyerIntent", "usage", "productQualified"):
        assert all((one[field] is None) == (field in forbidden) for one in people)
    masked = role in {"MARKETING", "PARTNER"}
    values = [identifier["value"] for one in people for identifier in one["identifiers"]]
    assert all(("•" in value) == masked for value in [*values, *(one["displayName"] for one in people)])


@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        ("SALES", "where: { usage: { phase: { eq: HABITUAL } } }"),
        ("SALES", "where: { not: { or: [{ usage: { phase: { eq: HABITUAL } } }] } }"),
        ("SALES", "orderBy: [{ field: LAST_USED_AT }]"),
        ("SUPPORT", "where: { buyerIntent: { score: { gt: 1 } } }"),
        ("SUPPORT", "where: { memberships: { some: { buyerIntent: { level: { eq: HOT } } } } }"),
        ("SUPPORT", "orderBy: [{ field: INTENT_SCORE }]"),
        ("SALES", "where: { usage: { features: { some: {} } } }"),
        ("SALES", 'orderBy: [{ field: FEATURE_COUNT, of: "export" }]'),
        (
            "SALES",
            "where: { memberships: { some: { account: { usage: { seats: { active: { gt: 0 } } } } } } }",
        ),
        ("SUPPORT", "where: { buyerIntent: { purchases: { count: { gt: 0 } } } }"),
        ("SUPPORT", 'orderBy: [{ field: PURCHASE_TOTAL, of: "EUR" }]'),
        (
            "SUPPORT",
            "where: { memberships: { some: { account: { alignmentFigures: { buyers: { gt: 0 } } } } } }",
        ),
        ("MARKETING", 'orderBy: [{ field: TRAIT_TEXT, of: "email" }]'),
        ("MARKETING", 'search: "ann"'),
        ("MARKETING", 'where: { displayName: { startsWith: "a" } }'),
        ("MARKETING", 'where: { traits: [{ path: "email" }] }'),
        ("MARKETING", 'where: { identifiers: { some: { value: { contains: "@" } } } }'),
        ("MARKETING", "orderBy: [{ field: DISPLAY_NAME }]"),
        ("INGEST", "first: 1"),
    ],
)
def test_nobody_filters_sorts_or_counts_by_what_they_may_not_see(
    world: Any, role: str, arguments: str
) -> None:
    answer = world.ask(f"{{ profiles({arguments}) {{ totalCount }} }}", role=role)
    assert answer["data"] is None
    assert [(error["extensions"]["code"], error["path"]) for error in answer["errors"]] == [
        ("FORBIDDEN", ["profiles"])
    ]


def test_traits_come_without_what_identifies_a_person(world: Any) -> None:
    document = '{ profile(identifier: { kind: "user_id", value: "ann" }) { traits } }'
    assert world.data(document, role="MARKETING")["profile"]["traits"] == {
        "city": "Oslo",
        "plan": {"name": "pro", "seats": 40},
    }


def test_a_timeline_leaves_out_events_of_a_hidden_panel(world: Any) -> None:
    document = '{ profile(identifier: { kind: "user_id", value: "ann" }) { timeline { totalCount nodes { lenses } } } }'
    for role, hidden in (("SALES", "USAGE"), ("SUPPORT", "INTENT")):
        nodes = world.data(document, role=role)["profile"]["timeline"]["nodes"]
        assert all(hidden not in node["lenses"] for node in nodes)
    seen = world.data(document, role="ADMIN")["profile"]["timeline"]["totalCount"]
    assert world.data(document, role="SUPPORT")["profile"]["timeline"]["totalCount"] < seen


def test_an_event_of_a_hidden_panel_cannot_be_asked_for_by_its_id(world: Any) -> None:
    document = '{ profile(identifier: { kind: "user_id", value: "bob" }) { timeline(lens: [USAGE]) { nodes { id } } } }'
    event = world.data(document)["profile"]["timeline"]["nodes"][0]["id"]
    ask = "query ($id: ID!) { node(id: $id) { id } }"
    assert world.data(ask, id=event)["node"] == {"id": event}
    assert world.data(ask, id=event, role="SALES")["node"] is None


def test_a_field_of_another_type_than_the_nodes_is_no_error(world: Any) -> None:
    document = """query ($id: ID!) { node(id: $id) {
      ... on Profile { usage { phase } } ... on Account { name usage { phase } } } }"""
    account = world.data('{ account(domain: "acme-works.com") { id } }')["account"]["id"]
    errors = world.errors(document, id=account, role="SALES")
    assert errors == [("FORBIDDEN", ["node", "usage"])]


def test_role_names_and_alignment_are_for_everybody_their_evidence_is_not(world: Any) -> None:
    document = """{ account(domain: "acme-works.com") { alignment alignmentFigures { people buyers activePeople }
      people { nodes { roles { role evidence { reason } } } } } }"""
    answer = world.ask(document, role="SALES")
    account = answer["data"]["account"]
    assert account["alignment"] == "ALIGNED"
    assert account["alignmentFigures"] == {"people": 3, "buyers": 1, "activePeople": None}
    roles = [role for one in account["people"]["nodes"] for role in one["roles"]]
    assert roles
    assert all(role["role"] and role["evidence"] is None for role in roles)
    assert sorted(error["path"][-1] for error in answer["errors"]) == ["activePeople", "evidence"]
