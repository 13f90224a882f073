"""Words planted in each panel and in personal data turn up in nothing that those may read who must not see them.

Every field that can be reached from Query is asked for, by each role, with all that it selects.
"""

from __future__ import annotations

import json

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    parse,
)

from cdp.app import Application
from cdp.graphql.schema import build_schema
from cdp.model.ids import encode_id
from tests.security.conftest import Side, plant_background, track

SCHEMA = build_schema().graphql_schema

ARGUMENTS = {"slot": '"hero"', "slots": '["hero"]', "ended": "true", "first": "3"}
"""Of fields below Query's own; other arguments are left out."""

ROOTS = {
    "profiles": "profiles(first: 3)",
    "profile": 'profile(identifier: { kind: "user_id", value: "u-1" })',
    "accounts": "accounts(first: 3)",
    "account": 'account(domain: "canary-works.com")',
    "accessExplain": 'accessExplain(coordinate: "Profile.buyerIntent", role: "SALES")',
    "accessRoles": "accessRoles",
    "auditLog": "auditLog(first: 50)",
    "catalogue": "catalogue",
    "deliveries": "deliveries(first: 3)",
    "nextSteps": "nextSteps(first: 3)",
    "traitClasses": "traitClasses",
    "tokenAudience": "tokenAudience",
    "tokenIssuers": "tokenIssuers",
    "visitorSecrets": "visitorSecrets",
    "workspace": "workspace",
    "enrichmentBackfill": f'enrichmentBackfill(id: "{encode_id("EnrichmentBackfill", 1)}")',
    "enrichmentBackfills": "enrichmentBackfills",
    "enrichmentProviders": "enrichmentProviders",
    "enrichmentReport": "enrichmentReport",
    "enrichmentSettings": "enrichmentSettings",
    "jobKinds": "jobKinds",
    "jobSchedules": "jobSchedules",
    "jobs": "jobs(first: 3)",
    "personalisationSlots": "personalisationSlots",
    "personalisationReport": 'personalisationReport(slot: "hero")',
    "keys": "keys",
    "plugins": "plugins",
    "refusedEvents": "refusedEvents",
    "roleExplain": f'roleExplain(person: "{encode_id("Profile", 1)}", account: "{encode_id("Account", 1)}")',
    "roleResolution": "roleResolution",
    "roleSimulation": 'roleSimulation(suppose: { plugin: "diptych_roles", enabled: false })',
    "identityExplain": """identityExplain(a: { kind: "user_id", value: "u-1" },
      b: { kind: "anonymous_id", value: "visitor-1" })""",
    "identityExplain of a hidden event": """identityExplain(a: { kind: "user_id", value: "u-1" },
      b: { kind: "device_id", value: "phone-1" })""",
}
"""By field of Query, and how it is asked for."""

ADMINISTRATORS = "canary-admin"

HIDDEN = {
    "SALES": {ADMINISTRATORS, "canary-usage"},
    "SUPPORT": {ADMINISTRATORS, "canary-intent"},
    "MARKETING": {ADMINISTRATORS, "canary-pii", "visitor-1", "phone-1"},
    "PARTNER": {ADMINISTRATORS, "canary-usage", "canary-intent", "canary-pii", "visitor-1", "phone-1"},
    "INGEST": {
        *(ADMINISTRATORS, "canary-usage", "canary-intent", "canary-pii", "visitor-1", "phone-1"),
        *("canary-works", "u-1", "Acme"),
    },
}


def selection(type_: GraphQLObjectType, above: tuple[str, ...]) -> str:
    """Everything of an object, and of objects below it that are not of a type above."""
    chosen = ["__typename"]
    for name, field in type_.fields.items():
        arguments = _arguments(field)
        below = get_named_type(field.type)
        if arguments is None:
            continue
        if is_leaf_type(below):
            chosen.append(name + arguments)
        elif isinstance(below, GraphQLObjectType) and below.name not in above and name != "edges":
            chosen.append(f"{name}{arguments} {{ {selection(below, (*above, below.name))} }}")
    return " ".join(chosen)


def _arguments(field: GraphQLField) -> str | None:
    given = [f"{name}: {ARGUMENTS[name]}" for name in field.args if name in ARGUMENTS]
    needed = [
        name
        for name, one in field.args.items()
        if isinstance(one.type, GraphQLNonNull) and name not in ARGUMENTS
    ]
    if any(field.args[name].default_value is None for name in needed):
        return None
    return f"({', '.join(given)})" if given else ""


def document_of(name: str, root: str) -> str:
    assert SCHEMA.query_type is not None
    type_ = get_named_type(SCHEMA.query_type.fields[name.partition(" ")[0]].type)
    if is_leaf_type(type_):
        return f"{{ {root} }}"
    assert isinstance(type_, GraphQLObjectType)
    return f"{{ {root} {{ {selection(type_, (type_.name,))} }} }}"


@pytest.fixture
async def planted(ours: Side, application: Application) -> Side:
    who = {"anonymousId": "visitor-1"}
    traits = {
        "name": "canary-pii",
        "email": "canary-pii@canary-works.com",
        "phone": "+442079460958",
        "note": {"mail": "x"},
    }
    usage, intent = {"properties": {"a": "canary-usage"}}, {"properties": {"a": "canary-intent"}}
    await ours.tell(
        {"type": "identify", "userId": "u-1", "traits": traits, **who},
        {
            "type": "group",
            "userId": "u-1",
            "groupId": "g",
            "traits": {"name": "Works", "domain": "canary-works.com"},
        },
        *(track("u-1", "Feature Used", properties={"feature": "canary-usage"}) for _ in range(5)),
        track("u-1", "Onboarding Step Completed", properties={"step": "canary-usage"}),
        track(
            "u-1", "Support Ticket Opened", messageId="canary-usage", context={"a": "canary-usage"}, **usage
        ),
        track(
            "u-1", "Order Completed", properties={"order_id": "canary-intent", "total": 7, "currency": "eur"}
        ),
        track("u-1", "Pricing Viewed", messageId="canary-intent", context={"a": "canary-intent"}, **intent),
        track(
            *("u-1", "Demo Requested"),
            messageId="canary-intent of two",
            context={"externalIds": [{"id": "phone-1", "type": "device_id"}]},
        ),
    )
    await _plant_variants(ours)
    await ours.data(
        """mutation { keyCreate(input: { name: "canary-admin", role: "SALES" }) { userErrors { message } }
          accessRoleDefine(input: { name: "CANARY", scopes: ["profiles:read"], description: "canary-admin" })
            { userErrors { message } }
          visitorSecretCreate(input: { name: "canary-admin" }) { userErrors { message } } }"""
    )
    await plant_background(application, ours.workspace_id)
    while await application.worker.settle_once():
        pass
    return ours


async def _plant_variants(ours: Side) -> None:
    """Variants over each panel and over personal data, and that the person was shown them."""
    await ours.data(
        """mutation { personalisationSlotDefine(input: { name: "hero" }) { userErrors { message } }
          a: personalisationVariantSet(input: { slot: "hero", name: "canary-intent a", content: {}, lens: INTENT })
            { userErrors { message } }
          b: personalisationVariantSet(input: { slot: "hero", name: "canary-usage a", content: {}, lens: USAGE })
            { userErrors { message } }
          c: personalisationVariantSet(input: { slot: "hero", name: "canary-intent b", content: {},
            audience: { not: { memberships: { none: { buyerIntent: { score: { gt: 0 } } } } } } })
            { userErrors { message } }
          d: personalisationVariantSet(input: { slot: "hero", name: "canary-usage b", content: {}, priority: 1,
            audience: { or: [{ usage: { activeDays: { gt: 0 } } }] } }) { userErrors { message } }
          e: personalisationVariantSet(input: { slot: "hero", name: "canary-pii a", content: {}, priority: 2,
            audience: { displayName: { exists: true } } }) { userErrors { message } } }"""
    )
    await ours.tell(
        *(
            track("u-1", "Personalisation Shown", properties={"slot": "hero", "variant": f"{word} a"})
            for word in ("canary-intent", "canary-usage", "canary-pii")
        ),
        track("u-1", "personalisation converted", properties={"slot": "hero", "variant": "canary-intent a"}),
        track("u-1", "personalisation converted", properties={"slot": "hero", "variant": "canary-usage a"}),
    )


def test_every_field_of_query_is_tried() -> None:
    assert SCHEMA.query_type is not None
    asked = {name.partition(" ")[0] for name in ROOTS}
    assert set(SCHEMA.query_type.fields) == {*asked, "node", "visitor"}, "`visitor` takes a visitor's token"
    for name, root in ROOTS.items():
        parse(document_of(name, root))
    reached = {name for name, type_ in SCHEMA.type_map.items() if isinstance(type_, GraphQLInterfaceType)}
    assert reached == {"Node"}, "another interface would hide fields from these documents"


async def test_an_administrator_finds_all_that_is_planted(planted: Side) -> None:
    """Otherwise these tests would not tell anything."""
    answers = [await planted.ask(document_of(name, root)) for name, root in ROOTS.items()]
    assert [error for answer in answers for error in answer.get("errors", ())] == []
    for name in ("jobs", "deliveries"):
        (text,) = (json.dumps(answer["data"]) for answer in answers if name in answer["data"])
        assert {word for word in ("canary-pii", "canary-intent", "canary-usage") if word not in text} == set()
    text = json.dumps(answers)
    assert {word for words in HIDDEN.values() for word in words if word not in text} == set()


@pytest.mark.parametrize("role", sorted(HIDDEN))
async def test_what_a_role_may_not_see_is_nowhere(
    planted: Side, role: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor is it in a log, which more people read."""
    for name, root in ROOTS.items():
        answer = await planted.ask(document_of(name, root), role=role)
        text = json.dumps(answer.get("data"))
        assert {word for word in HIDDEN[role] if word in text} == set(), name
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= {"FORBIDDEN"}, (name, answer["errors"])
        if role == "INGEST":
            assert (codes, [value for value in (answer["data"] or {}).values() if value]) == (
                {"FORBIDDEN"},
                [],
            )
    written = capfd.readouterr()
    assert "graphql" in written.out + written.err
    assert "canary-" not in written.out + written.err


async def test_background_work_is_found_by_id_for_administrators_alone(planted: Side) -> None:
    lists = await planted.data("{ jobs { nodes { id } } deliveries { nodes { id } } }")
    ids = [one["id"] for name in ("jobs", "deliveries") for one in lists[name]["nodes"]]
    assert len(ids) == 3
    document = """query ($id: ID!) { node(id: $id) {
      id ... on Job { plugin error } ... on Delivery { plugin error } } }"""
    for wanted in ids:
        found = await planted.data(document, id=wanted)
        assert (found["node"]["id"], found["node"]["plugin"]) == (wanted, "canary")
        for role in ("SALES", "SUPPORT", "MARKETING", "PARTNER"):
            assert await planted.data(document, role=role, id=wanted) == {"node": None}


@pytest.mark.parametrize("role", ["SALES", "SUPPORT", "MARKETING", "PARTNER"])
async def test_objects_in_answers_of_mutations_need_a_mutation_first(planted: Side, role: str) -> None:
    """No preset but ADMIN may change people, so that none gets an object back this way."""
    (person,) = (await planted.data("{ profiles { nodes { id } } }"))["profiles"]["nodes"]
    document = """mutation ($input: ProfileUpdateInput!) { profileUpdate(input: $input) {
      profile { displayName traits buyerIntent { score } usage { phase } } } }"""
    answer = await planted.ask(document, role=role, input={"profile": person["id"], "traits": {"a": 1}})
    assert answer["data"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
