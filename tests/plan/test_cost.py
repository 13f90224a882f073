"""What an operation may cost: its fields, as often as the lists that they are in have items."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from cdp.graphql.schema import build_schema
from cdp.plan.cost import cost_of

SCHEMA = build_schema().graphql_schema


def cost(document: str, **variables: Any) -> int:
    definitions = parse(document).definitions
    (operation,) = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
    return cost_of(SCHEMA, operation, fragments).at(variables)


PAGE = "query ($n: Int, $yes: Boolean = true) { profiles%s { nodes { id } } }"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ __typename }", 1),
        ('{ profile(id: "x") { id displayName } }', 10 + 2),
        ('{ profile(id: "x") { buyerIntent { score } } }', 10 + 1 + 1),
        ('{ profile(id: "x") { buyerIntent(account: "y") { score } } }', 10 + 10 + 1),
        ('{ profile(id: "x") { identifiers { kind value } } }', 10 + 10 + 10 * 2),
        ('{ profile(id: "x") { identifiers(first: 3) { kind value } } }', 10 + 10 + 3 * 2),
        ('{ profile(id: "x") { identifiers(first: 99999) { kind } } }', 10 + 10 + 1_000),
        ("{ profiles { nodes { id } } }", 10 + 20 * 2),
        ("{ profiles(first: 5) { nodes { id } } }", 10 + 5 * 2),
        ("{ profiles(last: 5) { edges { cursor node { id } } } }", 10 + 5 * 4),
        ("{ profiles(first: 5) { totalCount pageInfo { endCursor } } }", 10 + 100 + 2),
        ("{ profiles(first: 99999) { nodes { id } } }", 10 + 200 * 2),
        ("{ profiles(first: -5) { nodes { id } } }", 10),
        (
            "{ profiles(first: 5) { nodes { memberships(first: 3) { nodes { account { name } } } } } }",
            10 + 5 * (1 + 10 + 3 * (1 + 10 + 1)),
        ),
        ("{ profiles(first: 5) { ...a } } fragment a on ProfileConnection { nodes { id } }", 10 + 5 * 2),
        (
            """{ a: profiles(first: 5) { ...a } b: profiles(first: 7) { ...a } }
            fragment a on ProfileConnection { nodes { id } }""",
            10 + 5 * 2 + 10 + 7 * 2,
        ),
        ('{ node(id: "x") { ... on Profile { displayName } ... on Account { name domain } } }', 10 + 3),
        ("{ profiles @skip(if: true) { nodes { id } } accounts @include(if: true) { nodes { id } } }", 50),
        ("{ __schema { types { name } } }", 1 + 1 + 200),
    ],
)
def test_an_operation_costs(document: str, expected: int) -> None:
    assert cost(document) == expected


def test_variables_decide_how_large_pages_are_and_what_is_included() -> None:
    sized = PAGE % "(first: $n)"
    assert [cost(sized, n=n) for n in (0, 5, 200, 10**6, None)] == [10, 20, 410, 410, 50]
    assert cost(sized) == 50, "not given: a page of twenty"
    included = PAGE % "(first: 5) @include(if: $yes)"
    assert (cost(included, yes=True), cost(included, yes=False)) == (20, 0)
    skipped = PAGE % "(first: $n) @skip(if: $yes)"
    assert (cost(skipped, n=7, yes=True), cost(skipped, n=7, yes=False)) == (0, 24)


def test_the_same_variable_in_lists_within_lists_multiplies() -> None:
    document = (
        """query ($n: Int) { profiles(first: $n) { nodes { memberships(first: $n) { nodes { since } } } } }"""
    )
    assert cost(document, n=200) == 10 + 200 * (1 + 10 + 200 * 2)


def test_mutations_cost_what_they_select() -> None:
    document = """mutation ($i: ProfileUpdateInput!) {
      profileUpdate(input: $i) { profile { memberships { nodes { id } } } } }"""
    assert cost(document, i={}) == 1 + 1 + 10 + 20 * 2
