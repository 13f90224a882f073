"""Arguments as trees: structure is known when a plan is made, scalars are read at each execution."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLInputType, build_schema, parse_value
from graphql.language import parse_type
from graphql.utilities import type_from_ast

from cdp.plan.running import resolve
from cdp.plan.values import MISSING, Leaf, shape, tree_of

SCHEMA = build_schema(
    """
    enum Way { UP DOWN }
    scalar JSON
    input Inner { n: Int, list: [String!], way: Way = UP, deep: [Inner!], any: JSON }
    type Query { q: Int }
    """
)


def type_of(text: str) -> GraphQLInputType:
    found = type_from_ast(SCHEMA, parse_type(text))
    assert found is not None
    return found  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("type_name", "literal", "variables", "expected"),
    [
        ("Int", "5", {}, 5),
        ("Int!", "$x", {"x": 7}, 7),
        ("Int", "null", {}, None),
        ("[String!]", '["a", $x]', {"x": "b"}, ["a", "b"]),
        ("[String!]", '"alone"', {}, ["alone"]),
        ("Inner", "{n: $x}", {"x": 3}, {"n": 3, "way": "UP"}),
        ("Inner", "{n: $x}", {}, {"way": "UP"}),
        ("Inner", "{deep: {n: 1}}", {}, {"deep": [{"n": 1, "way": "UP"}], "way": "UP"}),
        ("Inner", "$x", {"x": {"deep": [{"n": 1}, {"way": "DOWN"}]}}, {"deep": [{"n": 1}, {"way": "DOWN"}]}),
        ("Inner", "{any: {a: [1, $x], b: true}}", {"x": [2]}, {"any": {"a": [1, [2]], "b": True}, "way": "UP"}),
        ("Way", "DOWN", {}, "DOWN"),
        ("[Way!]", "[UP, $x]", {"x": "DOWN"}, ["UP", "DOWN"]),
    ],
)  # fmt: skip
def test_a_tree_resolves_to_what_graphql_would_coerce(
    type_name: str, literal: str, variables: dict[str, Any], expected: Any
) -> None:
    assert resolve(tree_of(parse_value(literal), type_of(type_name), variables), variables) == expected


def test_a_variable_that_is_not_given_is_a_missing_argument() -> None:
    assert tree_of(parse_value("$x"), type_of("Int"), {}) is MISSING


def test_scalars_are_read_anew_at_each_execution() -> None:
    tree = tree_of(parse_value("{n: $x, list: $l}"), type_of("Inner"), {"x": 1, "l": ["a"]})
    assert isinstance(tree["n"], Leaf)
    assert resolve(tree, {"x": 2, "l": ["b", "c"]}) == {"n": 2, "list": ["b", "c"], "way": "UP"}


def test_only_structure_enums_and_nulls_tell_shapes_apart() -> None:
    inner = type_of("Inner")
    assert shape({"n": 1, "list": ["a"]}, inner) == shape({"n": 2, "list": ["b", "c"]}, inner)
    shapes = [
        shape(value, inner)
        for value in (
            None,
            {},
            {"n": 1},
            {"n": None},
            {"way": "UP"},
            {"way": "DOWN"},
            {"deep": []},
            {"deep": [{}]},
        )
    ]
    assert len(set(shapes)) == len(shapes)
