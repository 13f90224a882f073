"""Every act leaves one entry, in its own transaction; nothing else does; and none says who anybody is."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from cdp.app import Application
from cdp.graphql.schema import build_schema
from tests.security.conftest import Side, plant_background, track

SECRET = "canary"
"""Whatever a log must not hold."""

FIND = """{
  profiles(first: 9) { nodes { id identifiers { value } } }
  accounts { nodes { id } }
  refusedEvents { nodes { id } }
  jobs(state: FAILED) { nodes { id } }
  deliveries { nodes { id } }
}"""

SENDING = {"eventsIngest", "personalisationRecord"}
"""Mutations that leave events behind, and no entry."""


async def entries(side: Side) -> list[dict[str, Any]]:
    """What the log holds, the oldest first."""
    found = await side.data(
        "{ auditLog(first: 200) { nodes { sequence act object principal name role purpose detail } } }"
    )
    return list(reversed(found["auditLog"]["nodes"]))


MADE = {
    "keyCreate": "key { id }",
    "keyRotate": "key { id }",
    "enrichmentBackfillStart": "backfill { id }",
    "tokenIssuerDefine": "issuer { id }",
    "visitorSecretCreate": "secret { id }",
}
"""Mutations that answer with the id of what they make, which others take."""


async def mutate(side: Side, name: str, given: dict[str, Any]) -> dict[str, Any]:
    document = (
        f"mutation ($input: {name[0].upper()}{name[1:]}Input!)"
        f" {{ {name}(input: $input) {{ {MADE.get(name, '')} userErrors {{ message }} }} }}"
    )
    found: dict[str, Any] = (await side.data(document, input=given))[name]
    return found


async def every_mutation(side: Side) -> list[tuple[str, dict[str, Any]]]:
    """Each with an input that it takes, in an order in which they can be; the texts say `canary`."""
    found = {name: one["nodes"] for name, one in (await side.data(FIND)).items()}
    people = {one["identifiers"][0]["value"]: one["id"] for one in found["profiles"]}
    ann, bob = people["canary-ann"], people["canary-bob"]
    account, job, delivery = (found[name][0]["id"] for name in ("accounts", "jobs", "deliveries"))
    refused = [one["id"] for one in found["refusedEvents"]]
    signing = {"event": "Canary Viewed", "conditions": []}
    issuer = {"url": "https://issuer.example", "scopes": ["profiles:read"]}
    return [
        ("accessRoleDefine", {"name": "EMEA", "scopes": ["profiles:read"], "description": SECRET}),
        ("keyCreate", {"name": "till", "role": "EMEA"}),
        ("accountUpdate", {"id": account, "traits": {"note": SECRET}, "name": SECRET}),
        ("membershipSet", {"person": ann, "account": account}),
        ("roleAssert", {"person": ann, "account": account, "role": "ECONOMIC_BUYER", "note": SECRET}),
        ("roleRetract", {"person": ann, "account": account, "role": "ECONOMIC_BUYER"}),
        ("rolesResolve", {"reason": SECRET}),
        ("profileUpdate", {"profile": ann, "traits": {"note": SECRET}}),
        ("profileMerge", {"into": ann, "from": bob, "reason": SECRET}),
        (
            "profileSplit",
            {"profile": ann, "identifiers": [{"kind": "user_id", "value": "canary-bob"}], "reason": SECRET},
        ),
        ("nextStepRecord", {"person": ann, "action": "CALL", "outcome": "DONE", "note": SECRET}),
        (
            "catalogueEntrySet",
            {**signing, "contributions": [{"lens": "INTENT", "weight": 1, "signal": "seen"}]},
        ),
        ("catalogueEntryRemove", signing),
        ("featureDefine", {"key": "export", "name": "Export", "tip": SECRET}),
        ("featureRemove", {"key": "export"}),
        ("workspaceSettingsUpdate", {"hotScore": 50.0, "defaultCurrency": "EUR"}),
        ("traitClassSet", {"of": "PROFILE", "key": "plan", "class": "OPEN"}),
        ("traitClassRemove", {"of": "PROFILE", "key": "plan"}),
        ("personalisationSlotDefine", {"name": "hero", "fallback": {"a": SECRET}, "description": SECRET}),
        ("personalisationVariantSet", {"slot": "hero", "name": "one", "content": {"a": SECRET}}),
        ("personalisationVariantRemove", {"slot": "hero", "name": "one"}),
        ("personalisationSlotRemove", {"name": "hero"}),
        (
            "personalisationRecord",
            {"userId": "canary-ann", "slot": "hero", "variant": "one", "event": "SHOWN"},
        ),
        ("pluginDisable", {"plugin": "diptych_crm"}),
        ("pluginEnable", {"plugin": "diptych_crm"}),
        (
            "pluginConfigure",
            {"plugin": "diptych_http_enricher", "settings": {"token": SECRET}},
        ),
        ("enrichmentSettingsUpdate", {"confidence": 0.5}),
        ("enrichmentBackfillStart", {"subject": "PERSON"}),
        ("enrichmentBackfillCancel", {"id": "backfill id"}),
        ("jobRetry", {"id": job}),
        ("jobCancel", {"id": job}),
        ("jobStart", {"name": "notifier_digest", "input": {}}),
        ("deliveryRetry", {"id": delivery}),
        ("deliveryDiscard", {"id": delivery}),
        ("eventsIngest", {"events": [{"type": "TRACK", "userId": "canary-ann", "event": "Seen"}]}),
        ("eventsReplay", {"ids": refused}),
        ("tokenIssuerDefine", issuer),
        ("tokenIssuerUpdate", {"id": "issuer id", "enabled": False}),
        ("tokenIssuerRemove", {"id": "issuer id"}),
        ("keyUpdate", {"id": "key id", "name": "counter"}),
        ("keyRotate", {"id": "key id"}),
        ("keyRevoke", {"id": "key id"}),
        ("accessRoleRemove", {"name": "EMEA"}),
        ("visitorSecretCreate", {"name": "web"}),
        ("visitorSecretRotate", {"id": "secret id"}),
        ("visitorSecretRevoke", {"id": "secret id"}),
    ]


@pytest.fixture
async def planted(ours: Side, application: Application) -> Side:
    """A workspace with two people, an account, a refused event, jobs and a delivery."""
    await ours.tell(
        {"type": "identify", "userId": "canary-ann", "traits": {"name": "Canary"}},
        {"type": "group", "userId": "canary-bob", "groupId": "canary-group", "traits": {"name": "Canary"}},
        track("canary-ann", "Pricing Viewed"),
    )
    await ours.send([{"type": "canary"}])
    await plant_background(application, ours.workspace_id)
    return ours


async def test_every_mutation_leaves_one_entry(planted: Side, superuser: asyncpg.Connection) -> None:
    """By its own name and by who asked; with ids, numbers and words of the schema, and no text that is a person's."""
    mutations = await every_mutation(planted)
    ids: dict[str, str] = {}
    before = len(await entries(planted))
    for name, given in mutations:
        payload = await mutate(planted, name, {key: ids.get(str(one), one) for key, one in given.items()})
        assert payload["userErrors"] == [], name
        for of, one in payload.items():
            if of != "userErrors":
                ids[f"{of} id"] = one["id"]
    done = (await entries(planted))[before:]
    assert [one["act"] for one in done] == [name for name, _ in mutations if name not in SENDING]
    assert {(one["principal"], one["name"], one["role"]) for one in done} == {
        (done[0]["principal"], "admin", "ADMIN")
    }
    assert done[0]["principal"].startswith("key:")
    assert [one["sequence"] for one in done] == list(range(before + 1, before + len(done) + 1))
    told = "".join(await superuser.fetchval("SELECT array_agg(e::text) FROM audit_entry e"))
    assert SECRET not in told.lower().replace("canary viewed", "").replace('"canary"', "")
    by_act = {one["act"]: one for one in done}
    merged = dict(mutations)["profileMerge"]
    assert (by_act["profileMerge"]["object"], by_act["profileMerge"]["detail"]) == (
        merged["into"],
        {"into": merged["into"], "from": merged["from"], "withheld": ["reason"]},
    )
    assert by_act["workspaceSettingsUpdate"]["detail"] == {"hotScore": 50, "defaultCurrency": "EUR"}
    assert by_act["pluginConfigure"]["detail"] == {
        "plugin": "diptych_http_enricher",
        "withheld": ["settings.token"],
    }
    mutation_type = build_schema().graphql_schema.mutation_type
    assert mutation_type is not None
    assert set(mutation_type.fields) == {name for name, _ in mutations}, "a mutation is not tried here"


async def test_what_fails_or_is_forbidden_leaves_nothing(planted: Side) -> None:
    before = await entries(planted)
    for name, given in (
        ("profileMerge", {"into": "x", "from": "y"}),
        ("jobCancel", {"id": "x"}),
        ("pluginEnable", {"plugin": "nothing_like_it"}),
        ("enrichmentSettingsUpdate", {"confidence": 7.0}),
        ("eventsReplay", {}),
    ):
        assert (await mutate(planted, name, given))["userErrors"] != [], name
    document = "mutation { workspaceSettingsUpdate(input: { hotScore: 51 }) { userErrors { message } } }"
    assert await planted.codes(document, role="SALES") == ["FORBIDDEN"]
    tried = await mutate(planted, "enrichmentBackfillStart", {"subject": "PERSON", "dryRun": True})
    assert tried["userErrors"] == []
    assert await entries(planted) == before


async def test_an_act_whose_entry_cannot_be_written_is_undone(
    planted: Side, superuser: asyncpg.Connection
) -> None:
    """Nothing is done that the log does not know of."""
    await superuser.execute("REVOKE INSERT (act) ON audit_entry FROM diptych_app")
    for document in (
        'mutation { featureDefine(input: { key: "secret" }) { userErrors { message } } }',
        "mutation { workspaceSettingsUpdate(input: { hotScore: 51 }) { userErrors { message } } }",
    ):
        assert await planted.codes(document) == ["INTERNAL"]
    assert await superuser.fetchval("SELECT count(*) FROM feature WHERE key = 'secret'") == 0
    settings = "SELECT settings ->> 'hot_score' FROM workspace WHERE workspace_id = $1"
    assert await superuser.fetchval(settings, planted.workspace_id) is None


async def test_only_those_who_may_read_the_log_see_it(planted: Side, theirs: Side) -> None:
    """Of the presets ADMIN alone; and no other workspace's."""
    await mutate(planted, "rolesResolve", {})
    ask = "{ auditLog { totalCount nodes { act hash } } }"
    for role in ("SALES", "SUPPORT", "MARKETING", "PARTNER"):
        answer = await planted.ask(ask, role=role)
        assert answer["data"] == {"auditLog": None}
        assert [error["message"] for error in answer["errors"]] == ["`auditLog` needs the scope audit:read."]
    assert (await theirs.data(ask))["auditLog"] == {"totalCount": 0, "nodes": []}


async def test_the_log_is_searched(planted: Side) -> None:
    """By who, what, what to, what for, and when; pages follow each other."""
    await mutate(planted, "featureDefine", {"key": "a"})
    await mutate(planted, "featureDefine", {"key": "b"})
    await mutate(planted, "featureRemove", {"key": "a"})
    key = (await entries(planted))[0]["principal"]

    async def found(arguments: str) -> list[list[str]]:
        nodes = (await planted.data(f"{{ auditLog({arguments}) {{ nodes {{ act object }} }} }}"))["auditLog"][
            "nodes"
        ]
        return [list(one.values()) for one in nodes]

    everything = [["featureRemove", "a"], ["featureDefine", "b"], ["featureDefine", "a"]]
    assert await found("first: 9") == await found(f'principal: "{key}", act: null') == everything
    assert await found('act: "featureDefine"') == everything[1:]
    assert await found('object: "a"') == [everything[0], everything[2]]
    assert await found('principal: "operator"') == await found('purpose: "SUPPORT"') == []
    assert await found('since: "2100-01-01T00:00:00Z"') == await found('until: "2020-01-01T00:00:00Z"') == []
    assert await found('since: "2020-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z"') == everything
    page = (await planted.data("{ auditLog(first: 2) { pageInfo { endCursor } } }"))["auditLog"]
    assert await found(f'first: 2, after: "{page["pageInfo"]["endCursor"]}"') == everything[2:]


async def test_two_acts_of_one_document_are_two_entries(planted: Side) -> None:
    before = len(await entries(planted))
    await planted.data(
        """mutation {
          a: featureDefine(input: { key: "a" }) { userErrors { message } }
          b: featureDefine(input: { key: "b" }) { userErrors { message } }
        }"""
    )
    assert [(one["act"], one["object"]) for one in (await entries(planted))[before:]] == [
        ("featureDefine", "a"),
        ("featureDefine", "b"),
    ]
