"""Pages: both directions, every order, stable cursors, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

FIELDS = ["CREATED_AT", "DISPLAY_NAME", "LAST_SEEN_AT", "INTENT_SCORE", "PURCHASE_COUNT", "LAST_USED_AT"]
OF = {"TRAIT_TEXT": "plan.name", "TRAIT_NUMBER": "plan.seats", "PURCHASE_TOTAL": "EUR",
      "SIGNAL_WEIGHT": "pricing_viewed", "FEATURE_LAST_AT": "share"}  # fmt: skip
PAGE = """query ($order: [ProfileOrder!], $first: Int, $after: String, $last: Int, $before: String) {
  profiles(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""

ORDERS = [
    None,
    *([{"field": field, "direction": direction}] for field in FIELDS for direction in ("ASC", "DESC")),
    [{"field": "PURCHASE_COUNT", "direction": "DESC"}, {"field": "DISPLAY_NAME"}],
    [{"field": "LAST_USED_AT", "direction": "ASC"}, {"field": "DISPLAY_NAME", "direction": "DESC"}],
    *(
        [{"field": field, "direction": "DESC"}]
        for field in ("STAGE", "PHASE", "TIME_TO_ACTIVATION", "RENEWAL_DATE")
    ),
    *([{"field": field, "of": of, "direction": "DESC"}] for field, of in OF.items()),
    [{"field": "TRAIT_TEXT", "of": "plan.name"}, {"field": "TRAIT_TEXT", "of": "city", "direction": "DESC"}],
]


def whole(world: Any, order: Any) -> list[str]:
    page = world.data(PAGE, order=order, first=200)["profiles"]
    return [node["id"] for node in page["nodes"]]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_pages_in_either_direction_join_to_the_whole_list(world: Any, order: Any) -> None:
    """Nothing is missing, nothing comes twice, whatever the order and however many values are missing or alike."""
    expected = whole(world, order)
    assert len(expected) == len(set(expected)) == 37

    forwards: list[str] = []
    after = None
    for _ in range(10):
        page = world.data(PAGE, order=order, first=10, after=after)["profiles"]
        forwards += [edge["node"]["id"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert forwards == expected

    backwards: list[str] = []
    before = None
    for _ in range(10):
        page = world.data(PAGE, order=order, last=10, before=before)["profiles"]
        backwards = [edge["node"]["id"] for edge in page["edges"]] + backwards
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert backwards == expected


def test_missing_values_are_the_lowest(world: Any) -> None:
    document = """query ($way: Direction!) {
      profiles(orderBy: [{ field: LAST_USED_AT, direction: $way }], first: 200) { nodes { usage { lastUsedAt } } } }"""
    ascending = [one["usage"]["lastUsedAt"] for one in world.data(document, way="ASC")["profiles"]["nodes"]]
    assert ascending == sorted(ascending, key=lambda value: (value is not None, value or ""))
    assert list(reversed(ascending)) == [
        one["usage"]["lastUsedAt"] for one in world.data(document, way="DESC")["profiles"]["nodes"]
    ]


def test_between_two_cursors(world: Any) -> None:
    edges = world.data(PAGE, first=200)["profiles"]["edges"]
    between = world.data(PAGE, first=100, after=edges[3]["cursor"], before=edges[8]["cursor"])["profiles"]
    assert between["nodes"] == [edge["node"] for edge in edges[4:8]]


@pytest.mark.parametrize(
    "arguments",
    [
        "first: 201", "first: -1", "last: 201", "last: -5", "first: 1, last: 1", 'after: ""', 'after: "☃"',
        'after: "bm9uc2Vuc2U"', 'before: "WyJ4Il0"', "first: 2147483647",
    ],
)  # fmt: skip
def test_a_page_that_cannot_be_is_bad_input(world: Any, arguments: str) -> None:
    document = f"{{ profiles({arguments}) {{ pageInfo {{ hasNextPage }} nodes {{ id }} }} }}"
    assert world.errors(document) == [("BAD_USER_INPUT", ["profiles"])]


def test_a_bad_argument_inside_names_its_field(world: Any) -> None:
    assert world.errors("{ accounts { nodes { who: people(first: 999) { nodes { id } } } } }") == [
        ("BAD_USER_INPUT", ["accounts", "nodes", "who"])
    ]


def test_a_bad_argument_of_one_field_leaves_the_others(world: Any) -> None:
    answer = world.ask('{ bad: node(id: "x") { id } good: account(domain: "acme-works.com") { name } }')
    assert answer["data"] == {"bad": None, "good": {"name": "Acme"}}
    assert [error["path"] for error in answer["errors"]] == [["bad"]]


def test_a_cursor_of_another_order_is_refused(world: Any) -> None:
    cursor = world.data(PAGE, first=1)["profiles"]["pageInfo"]["endCursor"]
    answer = world.ask(PAGE, first=1, after=cursor, order=[{"field": "DISPLAY_NAME"}])
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_a_cursor_of_another_trait_is_refused(world: Any) -> None:
    """Its values are those of a trait: compared with another one's, they would be a place in no list."""
    order = [{"field": "TRAIT_TEXT", "of": "plan.name"}]
    cursor = world.data(PAGE, first=1, order=order)["profiles"]["pageInfo"]["endCursor"]
    assert len(world.data(PAGE, first=1, order=order, after=cursor)["profiles"]["nodes"]) == 1
    other = [{"field": "TRAIT_TEXT", "of": "plan"}]
    answer = world.ask(PAGE, first=1, after=cursor, order=other)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_traits_sort_as_text_or_as_numbers(world: Any) -> None:
    document = "query ($o: [ProfileOrder!]) { profiles(orderBy: $o, first: 3) { nodes { displayName } } }"

    def first(field: str, of: str) -> list[str]:
        found = world.data(document, o=[{"field": field, "of": of, "direction": "DESC"}])["profiles"]["nodes"]
        return [one["displayName"] for one in found]

    assert first("TRAIT_TEXT", "plan.name")[:2] == ["Ann Archer", "Bob Baker"]
    assert first("TRAIT_NUMBER", "plan.seats")[0] == "Ann Archer"
    assert first("TRAIT_NUMBER", "plan.name") == first("TRAIT_NUMBER", "nothing"), "words are no numbers"


@pytest.mark.parametrize(
    "order",
    [
        {"field": "TRAIT_TEXT"},
        {"field": "TRAIT_TEXT", "of": None},
        {"field": "TRAIT_TEXT", "of": "a..b"},
        {"field": "PURCHASE_TOTAL"},
        {"field": "CREATED_AT", "of": "plan"},
        {"field": "SIGNAL_COUNT", "of": "a\u0000b"},
    ],
)
def test_an_order_that_cannot_be_is_bad_input(world: Any, order: Any) -> None:
    answer = world.ask(PAGE, first=1, order=[order])
    assert [(error["extensions"]["code"], error["path"]) for error in answer["errors"]] == [
        ("BAD_USER_INPUT", ["profiles"])
    ]


def test_a_forged_cursor_with_values_of_other_types_is_refused(world: Any) -> None:
    import base64
    import json

    order = [{"field": "CREATED_AT"}]
    cursor = world.data(PAGE, first=1, order=order)["profiles"]["pageInfo"]["endCursor"]
    named, *_ = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    for values in (
        ["x", 1],
        [1e300, 1],
        [1],
        [None, 1],
        [2**70, 1],
        [1, 2**64],
        [[1], 1],
        [True, 1],
        [-(2**62), 1],
    ):
        forged = base64.urlsafe_b64encode(json.dumps([named, *values]).encode()).decode()
        answer = world.ask(PAGE, first=1, order=order, after=forged)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"], values


@pytest.mark.parametrize(
    "arguments", ["first: 100000", "first: 201", "last: -1", 'after: "x"', 'first: 5, before: ""']
)
def test_a_page_that_cannot_be_is_refused_where_only_its_list_is_counted(world: Any, arguments: str) -> None:
    assert world.errors(f"{{ profiles({arguments}) {{ totalCount }} }}") == [("BAD_USER_INPUT", ["profiles"])]


def test_an_empty_page_has_no_cursors(world: Any) -> None:
    page = world.data(PAGE, first=0)["profiles"]
    assert page["nodes"] == page["edges"] == []
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


def test_a_page_has_twenty_items_unless_told_otherwise(world: Any) -> None:
    assert len(world.data("{ profiles { nodes { id } } }")["profiles"]["nodes"]) == 20


def test_the_total_is_that_of_the_whole_list(world: Any) -> None:
    assert world.data("{ profiles(first: 1) { totalCount nodes { id } } }")["profiles"]["totalCount"] == 37
    narrowed = world.data('{ profiles(search: "extra", first: 1) { totalCount } }')
    assert narrowed == {"profiles": {"totalCount": 30}}
