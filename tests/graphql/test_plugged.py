"""What plugins add to the schema: fields that the planner feeds, queries, mutations; and what their faults come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from cdp.access.keys import create_key
from cdp.graphql.schema import build_schema, sdl
from cdp.hooks.manager import Plugins
from cdp.model import GraphField, IntentLevel, WorkspaceId
from cdp.model.ids import encode_id
from tests.conftest import make_workspace
from tests.graphql.conftest import World
from tests.graphql.extensions import Anything, Colour, Moody, Plugged, module, plugged

LIST = """{ profiles(first: 50, orderBy: [{ field: INTENT_SCORE, direction: DESC }]) {
  nodes { displayName mood { colour level weight whose notes } } } }"""


@pytest.fixture(scope="module")
def moody(world: World) -> Iterator[tuple[Moody, Plugged]]:
    """Opened once; each test begins with a plugin that is well."""
    plugin = Moody()
    opening = plugged(world, plugin, deadline=0.5, failures_to_open=1_000)
    yield plugin, world.run(opening.__aenter__())
    world.run(opening.__aexit__(None, None, None))


@pytest.fixture
def plugin(moody: tuple[Moody, Plugged]) -> Moody:
    moody[0].asked, moody[0].fails, moody[0].answer = [], None, None
    return moody[0]


@pytest.fixture
def asking(moody: tuple[Moody, Plugged]) -> Plugged:
    return moody[1]


def test_a_field_is_asked_once_for_all_people_of_a_list(plugin: Moody, asking: Plugged) -> None:
    """With what it requires, as its own frozen values, and its arguments, defaults included."""
    answer = asking.ask(LIST)
    assert "errors" not in answer
    (request,) = plugin.asked
    nodes = answer["data"]["profiles"]["nodes"]
    assert len(request.objects) == len(nodes) > 3
    assert request.arguments.colour is Colour.RED
    ann = next(node for node in nodes if node["displayName"] == "Ann Archer")
    assert ann["mood"] == {
        "colour": "RED",
        "level": "HOT",
        "weight": "1.5",
        "whose": asking.world.id_of("ann"),
        "notes": ["calm"],
    }
    assert {node["mood"] is None for node in nodes} == {True, False}
    assert {kept.buyer_intent.level for kept in request.objects} >= {IntentLevel.HOT, IntentLevel.COLD}


def test_a_field_takes_its_arguments_from_variables_and_under_any_alias(
    plugin: Moody, asking: Plugged
) -> None:
    document = """query ($who: IdentifierInput!, $colour: MoodyColour!) { profile(identifier: $who) {
      id a: mood(colour: $colour, notes: ["x", "y"]) { colour notes } ...More } }
      fragment More on Profile { b: mood { colour whose } buyerIntent { level } }"""
    answer = asking.ask(document, who={"kind": "user_id", "value": "ann"}, colour="BLUE")
    assert "errors" not in answer
    found = answer["data"]["profile"]
    assert found["a"] == {"colour": "BLUE", "notes": ["x", "y"]}
    assert found["b"] == {"colour": "RED", "whose": found["id"]}
    assert found["buyerIntent"] == {"level": "HOT"}


def test_a_document_without_a_plugins_field_is_passed_through(plugin: Moody, asking: Plugged) -> None:
    """No hidden keys, no parsing, no call: the statement is that of a schema without the plugin."""
    document = "{ profiles(first: 2) { nodes { id displayName memberships { nodes { id } } } } }"
    asking.ask(document)
    assert plugin.asked == []

    def statement_of(schema: Any) -> str:
        prepared = schema.documents.read(document).operation(None)
        scopes = frozenset(asking.world.run(_principal(asking)).scopes)
        plan = schema.plans.of_query(prepared, {}, scopes, completing=False)
        assert not any(one.completing for one in plan.fields)
        return str(plan.sql)

    with_it = build_schema(asking.application.plugins)
    assert statement_of(with_it) == statement_of(build_schema(Plugins()))


def a_workspace(asking: Plugged, name: str) -> tuple[WorkspaceId, str]:
    """One of its own, for what writes, and a key that may do everything in it."""
    database, run = asking.application.database, asking.world.run
    workspace_id = run(make_workspace(database, name))
    return workspace_id, run(create_key(database, workspace_id, "ADMIN", "admin"))


async def _principal(asking: Plugged) -> Any:
    return await asking.application.authenticator.authenticate(asking.world.keys["ADMIN"])


def test_a_field_inherits_the_labels_of_what_it_requires_and_adds_its_own(
    plugin: Moody, asking: Plugged
) -> None:
    """Null, and one error for each field of the document, however many people there are; the plugin is not asked."""
    document = """{ profiles { nodes { id mood { level } memberships { nodes { seatNumber } } } } }"""
    answer = asking.ask(document, role="SUPPORT")
    assert [(one["path"], one["extensions"]["code"]) for one in answer["errors"]] == [
        (["profiles", "nodes", "mood"], "FORBIDDEN")
    ]
    assert {node["mood"] for node in answer["data"]["profiles"]["nodes"]} == {None}
    assert len(plugin.asked) == 1, "the numbers of memberships"
    answer = asking.ask(document, role="SALES")
    assert [one["path"][-1] for one in answer["errors"]] == ["seatNumber"]
    answer = asking.ask(document, role="MARKETING")
    assert [one["path"][-1] for one in answer["errors"]] == ["seatNumber"], (
        "it requires a name, further inside"
    )
    assert plugin.asked[0].objects[0].person.display_name is not None


def test_a_field_of_a_trait_needs_no_python_and_hides_what_identifies_a_person(
    plugin: Moody, asking: Plugged
) -> None:
    document = '{ profile(identifier: { kind: "user_id", value: "ann" }) { town address traits } }'
    answer = asking.ask(document)
    assert answer["data"]["profile"]["town"] == "Oslo"
    assert answer["data"]["profile"]["address"] == "ann@acme-works.com"
    hidden = asking.ask(document, role="MARKETING")
    assert hidden["data"]["profile"]["town"] == "Oslo"
    assert hidden["data"]["profile"]["address"] is None
    assert plugin.asked == []


def test_a_field_of_a_trait_is_of_the_trait_s_class_and_of_its_own_labels(asking: Plugged) -> None:
    """The class leaves it out; the plugin's own label refuses it, whatever the class."""
    document = '{ profile(identifier: { kind: "user_id", value: "ann" }) { town quarter } }'

    def seen_by(role: str) -> tuple[Any, Any, list[str]]:
        answer = asking.ask(document, role=role)
        person = answer["data"]["profile"]
        return person["town"], person["quarter"], [one["path"][-1] for one in answer.get("errors", ())]

    given = {"of": "PROFILE", "key": "City"}
    declare = "mutation ($in: TraitClassSetInput!) { traitClassSet(input: $in) { userErrors { message } } }"
    forget = "mutation ($in: TraitClassRemoveInput!) { traitClassRemove(input: $in) { removed } }"
    assert seen_by("SUPPORT") == ("Oslo", None, ["quarter"])
    assert seen_by("MARKETING") == ("Oslo", "Oslo", [])
    asking.ask(declare, **{"in": {**given, "class": "USAGE"}})
    try:
        assert seen_by("ADMIN") == ("Oslo", "Oslo", [])
        assert seen_by("SALES") == (None, None, [])
        assert seen_by("SUPPORT") == ("Oslo", None, ["quarter"])
        assert seen_by("PARTNER") == (None, None, ["quarter"])
    finally:
        asking.ask(forget, **{"in": given})


@pytest.mark.parametrize(
    "fault",
    [
        {"fails": ValueError("ann@acme-works.com")},
        {"fails": SystemExit(1)},
        {"answer": lambda request: time.sleep(0.8)},
        {"answer": lambda request: None},
        {"answer": lambda request: [None]},
        {"answer": lambda request: ["red"] * len(request.objects)},
        {"answer": lambda request: [Anything(id="1")] * len(request.objects)},
    ],
    ids=["raises", "exits", "hangs", "nothing", "too few", "wrong types", "another struct"],
)
def test_a_field_that_fails_is_null_and_one_error_names_the_plugin(
    plugin: Moody, asking: Plugged, fault: dict[str, Any]
) -> None:
    """The rest of the answer stands, and nothing that the plugin said is in it."""
    for name, value in fault.items():
        setattr(plugin, name, value)
    answer = asking.ask(LIST)
    assert answer["errors"] == [
        {
            "message": "The plugin moody failed to answer the field mood.",
            "locations": [{"line": 2, "column": 23}],
            "path": ["profiles", "nodes", "mood"],
            "extensions": {"code": "PLUGIN_FAILED", "plugin": "moody"},
        }
    ]
    nodes = answer["data"]["profiles"]["nodes"]
    assert {node["mood"] for node in nodes} == {None}
    assert "Ann Archer" in {node["displayName"] for node in nodes}


def test_numbers_that_graphql_cannot_write_are_the_plugins_fault(plugin: Moody, world: World) -> None:
    """32 bits are all that there are; elsewhere this would be a fault of ours."""

    def fields() -> list[GraphField]:
        return [
            GraphField(
                on="Profile",
                name="number",
                returns=int,
                description="One.",
                requires=Anything,
                resolve=lambda request: [2**40] * len(request.objects),
            )
        ]

    async def ask() -> Any:
        async with plugged(world, module(register_fields=fields), name="counting") as opened:
            headers = {"Authorization": f"Bearer {world.keys['ADMIN']}"}
            body = {"query": "{ profiles { nodes { number } } }"}
            return (await opened.client.post("/graphql", json=body, headers=headers)).json()

    answer = world.run(ask())
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["PLUGIN_FAILED"]


def test_a_workspace_that_turns_the_plugin_off_is_told_so(plugin: Moody, asking: Plugged) -> None:
    _, key = a_workspace(asking, "Quiet")
    tell = 'mutation { eventsIngest(input: { events: [{ type: IDENTIFY, userId: "zoe" }] }) { userErrors { code } } }'
    assert asking.ask(tell, key=key)["data"]["eventsIngest"]["userErrors"] == []
    off = 'mutation { pluginDisable(input: { plugin: "moody" }) { userErrors { message } } }'
    assert asking.ask(off, key=key)["data"]["pluginDisable"]["userErrors"] == []
    answer = asking.ask("{ profiles { nodes { id mood { level } } } }", key=key)
    assert answer["data"]["profiles"]["nodes"][0]["mood"] is None
    disabled = {"code": "PLUGIN_DISABLED", "plugin": "moody"}
    assert [one["extensions"] for one in answer["errors"]] == [disabled]
    answer = asking.ask(
        'mutation { greetingSay(input: { person: "UHJvZmlsZTox", text: "a" }) { userErrors { code } } }',
        key=key,
    )
    assert [one["extensions"] for one in answer["errors"]] == [disabled]
    assert plugin.asked == []
    assert "errors" not in asking.ask(LIST), "elsewhere it goes on"


def test_a_query_is_given_what_it_reads_in_the_readers_name(plugin: Moody, asking: Plugged) -> None:
    """So that it never says more than the reader may know; what it has to say is the reader's error."""
    document = 'query ($of: ID!) { called(person: $of, text: "esq.") }'
    ann = asking.world.id_of("ann")
    assert asking.ask(document, of=ann)["data"] == {"called": "Ann Archer, esq."}
    answer = asking.ask(document, of=ann, role="MARKETING")
    assert answer["data"] == {"called": None}
    assert [(one["extensions"]["code"], one["path"]) for one in answer["errors"]] == [
        ("FORBIDDEN", ["called"])
    ]
    answer = asking.ask(document, of="UHJvZmlsZTo5OTk5")
    assert [(one["message"], one["extensions"]["code"]) for one in answer["errors"]] == [
        ("Nobody is called that.", "NOT_FOUND")
    ]
    answer = asking.ask(document, of="QWNjb3VudDox")
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["BAD_USER_INPUT"]
    answer = asking.ask(document, of=ann, role="INGEST")
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["FORBIDDEN"]


def test_a_mutation_contributes_events_that_are_stored_when_it_answers(
    plugin: Moody, asking: Plugged
) -> None:
    """As the plugin's; what the caller can mend comes back as data, and then nothing is stored."""
    say = """mutation ($in: GreetingSayInput!) { greetingSay(input: $in) {
      result { colour whose } userErrors { field } } }"""
    _, key = a_workspace(asking, "Talkative")
    who = encode_id("Profile", 7)
    answer = asking.ask(say, key=key, **{"in": {"person": who, "text": "hello"}})
    assert answer["data"]["greetingSay"] == {"result": {"colour": "BLUE", "whose": who}, "userErrors": []}
    answer = asking.ask(say, key=key, **{"in": {"person": who, "text": ""}})
    assert answer["data"]["greetingSay"] == {"result": None, "userErrors": [{"field": ["input", "text"]}]}
    stored = """{ profile(identifier: { kind: "user_id", value: "moody" }) {
      timeline { nodes { name source properties } } } }"""
    assert asking.ask(stored, key=key)["data"]["profile"]["timeline"]["nodes"] == [
        {"name": "Greeting Said", "source": "plugin:moody", "properties": {"by": "admin"}}
    ]
    answer = asking.ask(say, role="SALES", **{"in": {"person": who, "text": "hello"}})
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["FORBIDDEN"]


def test_the_schema_is_that_of_the_plugins_that_are_loaded(plugin: Moody, asking: Plugged) -> None:
    text = sdl(asking.application.plugins)
    assert 'mood(\n    """Of which colour."""\n    colour: MoodyColour! = RED\n' in text
    assert 'notes: [String!]! = ["calm"]' in text
    assert "  level: IntentLevel!\n" in text, "an enum of the core is the core's"
    assert "nextBestStep" not in text
    assert "mood" not in sdl(Plugins())
