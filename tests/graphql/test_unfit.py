"""What plugins add to the schema and does not fit: it is said at once, with the plugin's name."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.graphql.schema import build_schema
from cdp.hooks.manager import Plugins
from cdp.model import GraphField, GraphQuery, NoArguments
from tests.graphql.extensions import Anything, module


class Wrong(Struct, frozen=True):
    display_name: str


class Unknown(Struct, frozen=True):
    shoe_size: int | None


class OfAPlugin(Struct, frozen=True):
    personalisation: Anything


class Unsaid(Struct, frozen=True):
    id: str
    """Said."""


def a_field(**changes: Any) -> GraphField:
    given: dict[str, Any] = {
        "on": "Profile",
        "name": "extra",
        "returns": int,
        "description": "Extra.",
        "requires": Anything,
        "resolve": lambda request: [1] * len(request.objects),
    }
    return GraphField(**(given | changes))


def schema_with(**plugins: GraphField | GraphQuery) -> None:
    loaded = Plugins()
    for name, item in plugins.items():
        hook = "register_fields" if isinstance(item, GraphField) else "register_queries"
        loaded.register(module(**{hook: lambda item=item: [item]}), name=name)
    assert loaded.left_out() == frozenset(), loaded.health()[0].error
    build_schema(loaded)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            a_field(name="display_name"),
            "Profile.displayName of the plugin one is a field of the core already",
        ),
        (
            a_field(requires=Unknown),
            "The field extra of the plugin one requires Profile.shoeSize, which there is not.",
        ),
        (a_field(requires=Wrong), "requires Profile.displayName, which may be null; write `| None`."),
        (a_field(requires=OfAPlugin), "requires Profile.personalisation, which is worked out itself."),
        (
            GraphQuery(
                name="profile", returns=int, description="One.", resolve=lambda: 1, arguments=NoArguments
            ),
            "Query.profile of the plugin one is a field of the core already",
        ),
        (
            GraphQuery(
                name="shoes",
                returns=int,
                description="One.",
                resolve=lambda: 1,
                reads="{ socks { size } }",
                found=Unknown,
            ),
            "What shoes of the plugin one reads does not fit the schema: Cannot query field",
        ),
        (
            GraphQuery(
                name="shoes",
                returns=int,
                description="One.",
                resolve=lambda: 1,
                reads="{ shoes }",
                found=Unknown,
            ),
            "What shoes of the plugin one reads begins with shoes, which the planner does not read.",
        ),
    ],
)
def test_what_contradicts_the_core_stops_the_start(field: Any, sentence: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        schema_with(one=field)
    assert sentence in caught.value.message


def test_two_plugins_of_one_field_are_both_named() -> None:
    with pytest.raises(Misconfigured, match="'Profile.extra' is registered by one and by two"):
        schema_with(one=a_field(), two=a_field())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"returns": complex}, "complex cannot be shown in GraphQL."),
        ({"returns": int | str}, "only `| None` can be."),
        ({"returns": Anything}, "Anything.id has no docstring below it"),
        ({"returns": Unsaid}, "Unsaid has no docstring, which"),
        ({"name": "Extra"}, "'Extra' cannot be a field; write it like next_step."),
        ({"description": " "}, "extra has no description."),
        ({"resolve": None}, "needs `requires` and `resolve`, or `trait`."),
        ({"resolve": lambda context: []}, "wants an argument 'context'"),
        ({"labels": frozenset({"secret"})}, "has a label 'secret'"),
        ({"on": "Event"}, "it can be on Profile, Account or Membership."),
    ],
)
def test_a_field_that_is_not_fit_leaves_the_plugin_out(changes: dict[str, Any], why: str) -> None:
    plugins = Plugins()
    plugins.register(module(register_fields=lambda: [a_field(**changes)]), name="unfit")
    assert why in str(plugins.health()[0].error)
