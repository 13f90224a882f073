from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdp.access.scopes import SCOPES, KeyRole, Scope
from cdp.graphql.schema import build_schema
from cdp.hooks import hookimpl
from cdp.model.ids import encode_id

PERSON, ACCOUNT = encode_id("Profile", 1), encode_id("Account", 1)

NEEDS: dict[str, tuple[Scope, dict[str, Any]]] = {
    "eventsIngest": (Scope.EVENTS_WRITE, {"events": []}),
    "eventsReplay": (Scope.WORKSPACE_ADMIN, {"code": "MISSING_ID"}),
    "personalisationSlotDefine": (Scope.WORKSPACE_ADMIN, {"name": "hero"}),
    "personalisationSlotRemove": (Scope.WORKSPACE_ADMIN, {"name": "nobody's"}),
    "personalisationVariantSet": (Scope.WORKSPACE_ADMIN, {"slot": "nobody's", "name": "a", "content": {}}),
    "personalisationVariantRemove": (Scope.WORKSPACE_ADMIN, {"slot": "nobody's", "name": "a"}),
    "personalisationRecord": (Scope.EVENTS_WRITE, {"userId": "u", "slot": "hero", "variant": "a"}),
    "enrichmentSettingsUpdate": (Scope.WORKSPACE_ADMIN, {"confidence": 0.5}),
    "enrichmentBackfillStart": (Scope.WORKSPACE_ADMIN, {"subject": "PERSON", "dryRun": True}),
    "enrichmentBackfillCancel": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "jobStart": (Scope.WORKSPACE_ADMIN, {"name": "nobody_s"}),
    "jobCancel": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "jobRetry": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "deliveryRetry": (Scope.WORKSPACE_ADMIN, {"plugin": "nobody"}),
    "deliveryDiscard": (Scope.WORKSPACE_ADMIN, {"plugin": "nobody"}),
    "pluginEnable": (Scope.WORKSPACE_ADMIN, {"plugin": "nobody"}),
    "pluginDisable": (Scope.WORKSPACE_ADMIN, {"plugin": "nobody"}),
    "pluginConfigure": (Scope.WORKSPACE_ADMIN, {"plugin": "nobody", "settings": {}}),
    "nextStepRecord": (Scope.PROFILES_WRITE, {"person": PERSON, "action": "CALL"}),
    "profileMerge": (Scope.PROFILES_WRITE, {"into": PERSON, "from": PERSON}),
    "profileSplit": (Scope.PROFILES_WRITE, {"profile": PERSON, "identifiers": []}),
    "profileUpdate": (Scope.PROFILES_WRITE, {"profile": PERSON, "traits": {"a": 1}}),
    "accountUpdate": (Scope.PROFILES_WRITE, {"id": ACCOUNT}),
    "keyCreate": (Scope.WORKSPACE_ADMIN, {"name": "k", "role": "NOBODY_S"}),
    "keyRotate": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "keyUpdate": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "keyRevoke": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "accessRoleDefine": (Scope.WORKSPACE_ADMIN, {"name": "SALES", "scopes": []}),
    "accessRoleRemove": (Scope.WORKSPACE_ADMIN, {"name": "NOBODY_S"}),
    "membershipSet": (Scope.PROFILES_WRITE, {"person": PERSON, "account": ACCOUNT}),
    "roleAssert": (Scope.PROFILES_WRITE, {"person": PERSON, "role": "END_USER"}),
    "roleRetract": (Scope.PROFILES_WRITE, {"person": PERSON, "role": "END_USER"}),
    "rolesResolve": (Scope.WORKSPACE_ADMIN, {}),
    "catalogueEntrySet": (Scope.WORKSPACE_ADMIN, {"event": "A", "contributions": []}),
    "catalogueEntryRemove": (Scope.WORKSPACE_ADMIN, {"event": "Never Heard Of"}),
    "featureDefine": (Scope.WORKSPACE_ADMIN, {"key": "search"}),
    "featureRemove": (Scope.WORKSPACE_ADMIN, {"key": "never heard of"}),
    "tokenIssuerDefine": (Scope.WORKSPACE_ADMIN, {"url": "nowhere", "scopes": []}),
    "tokenIssuerUpdate": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "tokenIssuerRemove": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "traitClassSet": (Scope.WORKSPACE_ADMIN, {"of": "PROFILE", "key": "tier", "class": "OPEN"}),
    "traitClassRemove": (Scope.WORKSPACE_ADMIN, {"of": "PROFILE", "key": "never heard of"}),
    "visitorSecretCreate": (Scope.WORKSPACE_ADMIN, {"name": ""}),
    "visitorSecretRotate": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "visitorSecretRevoke": (Scope.WORKSPACE_ADMIN, {"id": PERSON}),
    "workspaceSettingsUpdate": (Scope.WORKSPACE_ADMIN, {}),
}

ASKS = {
    "{ catalogue { unclassified { name } } }": Scope.PROFILES_READ,
    "{ workspace { name } }": Scope.PROFILES_READ,
    "{ personalisationSlots { name } }": Scope.PROFILES_READ,
    "{ jobs { totalCount nodes { id } } }": Scope.WORKSPACE_ADMIN,
    "{ deliveries { totalCount nodes { id } } }": Scope.WORKSPACE_ADMIN,
    "{ jobKinds { name } }": Scope.WORKSPACE_ADMIN,
    "{ jobSchedules { name } }": Scope.WORKSPACE_ADMIN,
    "{ plugins { name loaded error hooks { hook calls circuit } } }": Scope.WORKSPACE_ADMIN,
    "{ enrichmentProviders { name } }": Scope.WORKSPACE_ADMIN,
    "{ enrichmentReport { provider spent } }": Scope.WORKSPACE_ADMIN,
    "{ enrichmentSettings { confidence } }": Scope.WORKSPACE_ADMIN,
    "{ enrichmentBackfills { total } }": Scope.WORKSPACE_ADMIN,
    "{ keys { name } }": Scope.WORKSPACE_ADMIN,
    "{ accessRoles { name } }": Scope.WORKSPACE_ADMIN,
    "{ tokenIssuers { url } }": Scope.WORKSPACE_ADMIN,
    "{ tokenAudience }": Scope.WORKSPACE_ADMIN,
    "{ traitClasses { key } }": Scope.WORKSPACE_ADMIN,
    "{ visitorSecrets { kid } }": Scope.WORKSPACE_ADMIN,
    "{ refusedEvents { totalCount nodes { id } } }": Scope.WORKSPACE_ADMIN,
    '{ identityExplain(a: {kind: "user_id", value: "a"}, b: {kind: "user_id", value: "b"}) { same } }': Scope.PII_READ,
}


def test_every_mutation_is_held_to_a_scope():
    mutation = build_schema().graphql_schema.mutation_type
    assert mutation is not None
    assert set(mutation.fields) == set(NEEDS)


def test_every_mutation_takes_one_input_and_answers_with_user_errors():
    mutation = build_schema().graphql_schema.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        capital = name[0].upper() + name[1:]
        assert {argument: str(given.type) for argument, given in field.args.items()} == {
            "input": f"{capital}Input!"
        }
        assert str(field.type) == f"{capital}Payload!"
        assert str(field.type.of_type.fields["userErrors"].type) == "[UserError!]!"


@pytest.mark.parametrize("role", list(KeyRole))
async def test_a_key_may_do_what_its_scopes_say_and_nothing_else(asking, role):
    api = await asking(role.value)
    for name, (scope, given) in NEEDS.items():
        kind = f"{name[0].upper()}{name[1:]}Input!"
        document = f"mutation ($input: {kind}) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        answer = await api.ask(document, input=given)
        if scope in SCOPES[role]:
            assert "errors" not in answer, (name, answer)
        else:
            assert answer["data"] is None, name
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], (
                name,
                answer,
            )
    for document, scope in ASKS.items():
        answer = await api.ask(document)
        if scope in SCOPES[role]:
            assert "errors" not in answer, (document, answer)
        else:
            assert list(answer["data"].values()) == [None], document
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], document


async def test_a_forbidden_mutation_leaves_no_trace(api, asking):
    sales = await asking("SALES")
    given = {"events": [{"type": "TRACK", "event": "A", "userId": "u1"}, {"type": "TRACK", "event": "A"}]}
    await sales.ask(
        "mutation ($input: EventsIngestInput!) { eventsIngest(input: $input) { accepted } }", input=given
    )
    assert await api.person("user_id", "u1") is None
    assert (await api.run("{ refusedEvents { totalCount } }"))["refusedEvents"]["totalCount"] == 0


async def test_what_a_mutation_answers_is_held_to_the_scopes_as_well(api, asking, database, workspace):
    """A partner may send events, and still sees no panel in what comes back."""
    partner = await asking("PARTNER")
    await partner.ingest({"type": "TRACK", "event": "Pricing Viewed", "userId": "u1"})
    answer = await partner.ask(
        '{ profile(identifier: {kind: "user_id", value: "u1"}) { id buyerIntent { score } } }'
    )
    assert answer["data"]["profile"]["buyerIntent"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


async def test_a_plugin_s_health_is_shown_to_administrators(api):
    plugins = (
        await api.run(
            "{ plugins { name version source loaded error hooks { hook calls failures circuit } } }"
        )
    )["plugins"]
    assert all(plugin["loaded"] and plugin["error"] is None for plugin in plugins)
    assert {hook["circuit"] for plugin in plugins for hook in plugin["hooks"]} <= {"CLOSED"}


async def test_what_a_failing_plugin_said_is_not_shown_across_workspaces(api, application):
    """How it failed is; its words may quote a person of another workspace. Nor does the log say them."""

    def resolve_roles(membership):
        raise KeyError("ada@globex.com")

    application.plugins.register(SimpleNamespace(resolve_roles=hookimpl(resolve_roles)), name="leaky")
    await api.ingest({"type": "TRACK", "userId": "ada", "event": "Signed In"})
    with capture_logs() as logs:
        await application.worker.settle_once()
    assert [log["error"] for log in logs] == ["KeyError"]
    answer = await api.run("{ plugins { name error hooks { failures lastFailure } } }")
    (leaky,) = (plugin for plugin in answer["plugins"] if plugin["name"] == "leaky")
    assert leaky == {"name": "leaky", "error": None, "hooks": [{"failures": 1, "lastFailure": "RAISED"}]}
    assert "globex" not in str(answer)
