"""A plugin has labels of its own: whoever lacks the scope of one sees nothing that bears it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cdp.access.keys import create_key
from cdp.access.principals import operator
from cdp.access.roles import define_role
from cdp.errors import Misconfigured
from cdp.graphql.permissions import permissions
from cdp.graphql.schema import sdl
from cdp.hooks.additions import check_labels
from cdp.hooks.manager import Plugins
from cdp.model import FieldRequest, GraphField, PluginInfo
from tests.graphql.conftest import NOW, World
from tests.graphql.extensions import Anything, Plugged, module, plugged

CREDIT = "How likely an account is to pay."


def creditworthy() -> SimpleNamespace:
    """A plugin with a label, and two fields that bear it."""

    def ratings(request: FieldRequest) -> list[str]:
        return ["canary-rating" for _ in request.objects]

    return module(
        register_plugin=lambda: PluginInfo(reveals={"credit": CREDIT}),
        register_fields=lambda: [
            GraphField(
                on="Account",
                name="rating",
                returns=str,
                description="Its rating.",
                requires=Anything,
                resolve=ratings,
                labels=frozenset({"credit"}),
            ),
            GraphField(
                on="Account",
                name="limit",
                returns=str,
                description="Its limit.",
                trait="plan",
                labels=frozenset({"credit", "usage"}),
            ),
        ],
    )


@pytest.fixture(scope="module")
def asking(world: World) -> Iterator[Plugged]:
    opening = plugged(world, creditworthy(), name="ratings")
    yield world.run(opening.__aenter__())
    world.run(opening.__aexit__(None, None, None))


DOCUMENT = "{ accounts(first: 1) { nodes { rating } } }"


def test_a_field_takes_the_scope_of_the_plugin_s_label(asking: Plugged) -> None:
    (account,) = asking.ask(DOCUMENT)["data"]["accounts"]["nodes"]
    assert account == {"rating": "canary-rating"}
    for role in ("SALES", "SUPPORT", "MARKETING", "PARTNER"):
        answer = asking.ask(DOCUMENT, role=role)
        assert answer["data"]["accounts"]["nodes"] == [{"rating": None}]
        (error,) = answer["errors"]
        assert error["message"] == "`rating` needs the scope plugin:credit:read."
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "canary" not in json.dumps(answer)


def test_a_role_of_the_workspace_s_own_grants_it(asking: Plugged) -> None:
    """By the scope alone; that it takes another scope besides stays so."""

    async def with_a_role() -> str:
        database, workspace_id = asking.application.database, asking.world.workspace_id
        async with database.transaction(workspace_id) as connection:
            await define_role(
                connection,
                operator(workspace_id),
                name="CREDIT_DESK",
                scopes=["profiles:read", "plugin:credit:read"],
                now=NOW,
            )
        return await create_key(database, workspace_id, "CREDIT_DESK", "desk")

    key = asking.world.run(with_a_role())
    answer = asking.ask("{ accounts(first: 1) { nodes { rating limit } } }", key=key)
    assert answer["data"]["accounts"]["nodes"] == [{"rating": "canary-rating", "limit": None}]
    assert [error["message"] for error in answer["errors"]] == ["`limit` needs the scope usage:read."]


def test_the_schema_and_the_table_of_permissions_say_so(asking: Plugged) -> None:
    plugins = asking.application.plugins
    assert '  rating: String @requires(scopes: ["plugin:credit:read"])\n' in sdl(plugins)
    assert "| `Account.rating` | `plugin:credit:read`, `profiles:read` | ADMIN |" in permissions(plugins)
    answer = asking.ask(
        '{ accessExplain(coordinate: "Account.rating", role: "SALES") { verdict needs { scope held } } }'
    )
    assert answer["data"]["accessExplain"] == {
        "verdict": "DENIED",
        "needs": [{"scope": "plugin:credit:read", "held": False}, {"scope": "profiles:read", "held": True}],
    }


def _field(*labels: str) -> GraphField:
    return GraphField(
        on="Account", name="x", returns=str, description="x", trait="x", labels=frozenset(labels)
    )


@pytest.mark.parametrize(
    ("info", "fields", "others", "sentence"),
    [
        ({}, [_field("credit")], {}, "the field x has a label 'credit'; there are intent, pii, usage."),
        (
            {"credit": CREDIT},
            [_field("credit", "debit")],
            {},
            "the field x has a label 'debit'; there are intent, pii, usage, credit.",
        ),
        ({"admin": CREDIT}, [], {}, "'admin' cannot be a label of a plugin; write it like credit."),
        ({"Credit:*": CREDIT}, [], {}, "'Credit:*' cannot be a label of a plugin; write it like credit."),
        ({"credit": " "}, [], {}, "the label credit needs a sentence about what it tells."),
        (
            {"credit": CREDIT},
            [],
            {"credit": "banks"},
            "the label credit is declared by the plugin banks as well.",
        ),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    info: dict[str, str], fields: list[GraphField], others: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_labels(PluginInfo(reveals=info), fields, others=others)
    assert str(refused.value) == sentence


def test_a_plugin_whose_label_nobody_declares_is_not_loaded() -> None:
    plugins = Plugins()
    plugins.register(module(register_fields=lambda: [_field("credit")]), name="undeclared")
    assert plugins.left_out() == frozenset({"undeclared"})
    assert plugins.labels() == {}
