"""Two workspaces never meet: whatever id, cursor or identifier of one is tried in the other finds nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from cdp.access.scopes import KeyRole
from cdp.app import Application
from cdp.graphql.schema import build_schema
from cdp.model.ids import encode_id
from tests.security.conftest import Side, plant_background, track

EVERYTHING = """{
  profiles { edges { cursor node {
    id timeline { edges { cursor node { id } } } memberships { edges { cursor node { id } } }
  } } }
  accounts { edges { cursor node { id } } }
  refusedEvents { edges { cursor node { id } } }
  jobs { edges { cursor node { id } } }
  deliveries { edges { cursor node { id } } }
  enrichmentBackfills { id }
  keys { id }
  tokenIssuers { id }
  visitorSecrets { id }
}"""

CANARY = "canary"


def ids_in(value: Any, key: str) -> list[str]:
    """Every value under this key, however deep."""
    if isinstance(value, list):
        return [found for one in value for found in ids_in(one, key)]
    if isinstance(value, dict):
        here = [value[key]] if isinstance(value.get(key), str) else []
        return here + [found for one in value.values() for found in ids_in(one, key)]
    return []


@pytest.fixture
async def canaries(theirs: Side, application: Application) -> list[str]:
    """Ids of everything that the other workspace has, each of which holds the word `canary`."""
    await theirs.tell(
        {
            "type": "identify",
            "userId": "canary-user",
            "traits": {"name": "Canary", "email": "canary@canary.test"},
        },
        {"type": "group", "userId": "canary-user", "groupId": "canary-group", "traits": {"name": "Canary"}},
        track("canary-user", "Canary Event", properties={"canary": True}, messageId="canary-message"),
        track("canary-user", "Pricing Viewed", context={"groupId": "canary-group"}),
    )
    await theirs.send([{"type": "canary"}])
    await plant_background(application, theirs.workspace_id)
    await theirs.data(
        "mutation { enrichmentBackfillStart(input: { subject: PERSON }) { userErrors { message } } }"
    )
    for made in (
        'visitorSecretCreate(input: { name: "canary" })',
        'tokenIssuerDefine(input: { url: "https://canary.example", scopes: ["profiles:read"] })',
    ):
        await theirs.data(f"mutation {{ {made} {{ userErrors {{ message }} }} }}")
    found = ids_in(await theirs.data(EVERYTHING), "id")
    assert len(found) == 15 + len(KeyRole), (
        "a person, an account, a membership and one with nobody else, events, a refused one, "
        "two jobs, a delivery, a backfill, an issuer, a secret, a key of each role"
    )
    return found


FIELDS = """query ($id: ID!) {
  node(id: $id) {
    id ... on Profile { displayName } ... on Account { name } ... on Event { called: name }
    ... on Job { error } ... on Delivery { error }
  }
  enrichmentBackfill(id: $id) { id }
  profile(id: $id) { id displayName }
  account(id: $id) { id name }
  identityExplain(profileA: $id, b: { kind: "user_id", value: "canary-user" }) { same profileA profileB chain { rule } }
}"""

WITHIN = """query ($id: ID!) { profiles { nodes {
  buyerIntent(account: $id) { score } usage(account: $id) { phase }
  personalisation(slot: "hero", account: $id) { variant }
} } }"""


async def test_ids_of_another_workspace_are_ids_of_nothing(ours: Side, canaries: list[str]) -> None:
    await ours.tell(track("me", "Pricing Viewed"), track("me", "Signed In"))
    for wanted in canaries:
        for document in (FIELDS, WITHIN):
            answer = await ours.ask(document, id=wanted)
            assert CANARY not in json.dumps(answer).lower()
            for name in ("node", "profile", "account", "enrichmentBackfill"):
                assert (answer["data"] or {}).get(name) is None
    account = next(one for one in canaries if one.startswith(encode_id("Account", 1)[:8]))
    (person,) = (await ours.data(WITHIN, id=account))["profiles"]["nodes"]
    assert person == {"buyerIntent": {"score": 0.0}, "usage": {"phase": "NONE"}, "personalisation": None}


MUTATIONS: dict[str, Any] = {
    "nextStepRecord": lambda _, other: {"person": other, "action": "CALL"},
    "profileMerge": lambda mine, other: {"into": mine, "from": other},
    "profileSplit": lambda _, other: {
        "profile": other,
        "identifiers": [{"kind": "user_id", "value": "canary-user"}],
    },
    "profileUpdate": lambda _, other: {"profile": other, "traits": {"a": 1}},
    "accountUpdate": lambda _, other: {"id": other, "name": "mine"},
    "membershipSet": lambda mine, other: {"person": mine, "account": other},
    "roleAssert": lambda mine, other: {"person": mine, "account": other, "role": "END_USER"},
    "roleRetract": lambda _, other: {"person": other, "role": "END_USER"},
    "eventsReplay": lambda _, other: {"ids": [other]},
    "jobCancel": lambda _, other: {"id": other},
    "jobRetry": lambda _, other: {"id": other},
    "deliveryRetry": lambda _, other: {"id": other},
    "deliveryDiscard": lambda _, other: {"id": other},
    "enrichmentBackfillCancel": lambda _, other: {"id": other},
    "keyUpdate": lambda _, other: {"id": other, "name": "mine"},
    "keyRotate": lambda _, other: {"id": other},
    "keyRevoke": lambda _, other: {"id": other},
    "tokenIssuerUpdate": lambda _, other: {"id": other, "enabled": False},
    "tokenIssuerRemove": lambda _, other: {"id": other},
    "visitorSecretRotate": lambda _, other: {"id": other},
    "visitorSecretRevoke": lambda _, other: {"id": other},
}


async def _contents(connection: asyncpg.Connection, workspace_id: int) -> dict[str, Any]:
    tables = await connection.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    )
    assert len(tables) > 20
    return {
        name: sorted(
            map(repr, await connection.fetch(f"SELECT * FROM {name} WHERE workspace_id = $1", workspace_id))
        )
        for (name,) in tables
    }


async def test_no_mutation_reaches_into_another_workspace(
    ours: Side, theirs: Side, canaries: list[str], superuser: asyncpg.Connection
) -> None:
    """Each is refused for what it is given, and not a row there changes."""
    await ours.tell(track("me", "Signed In"))
    mine = ids_in(await ours.data("{ profiles { nodes { id } } }"), "id")[0]
    before = await _contents(superuser, theirs.workspace_id)
    for name, given in MUTATIONS.items():
        kind = f"{name[0].upper()}{name[1:]}Input!"
        document = (
            f"mutation ($input: {kind}) {{ {name}(input: $input) {{ userErrors {{ code message }} }} }}"
        )
        for wanted in canaries:
            answer = await ours.ask(document, input=given(mine, wanted))
            assert answer["data"][name]["userErrors"], (name, wanted)
            assert CANARY not in json.dumps(answer).lower().replace("canary-user", "")
    assert await _contents(superuser, theirs.workspace_id) == before
    mutation = build_schema().graphql_schema.mutation_type
    assert mutation is not None
    with_ids = {
        name
        for name, field in mutation.fields.items()
        if any(str(one.type).strip("[]!") == "ID" for one in field.args["input"].type.of_type.fields.values())
    }
    assert with_ids == set(MUTATIONS), "a mutation that takes ids is not tried here"


async def test_cursors_of_another_workspace_show_this_one_only(
    ours: Side, theirs: Side, canaries: list[str]
) -> None:
    await ours.tell(*(track(f"me{number}", "Signed In") for number in range(3)))
    cursors = ids_in(await theirs.data(EVERYTHING), "cursor")
    assert len(cursors) >= 5
    for cursor in cursors:
        for field in ("profiles", "accounts", "refusedEvents", "jobs", "deliveries"):
            document = f"query ($after: String) {{ {field}(after: $after) {{ nodes {{ id }} }} }}"
            answer = await ours.ask(document, after=cursor)
            assert not set(ids_in(answer, "id")) & set(canaries)


async def test_the_same_message_id_in_two_workspaces_is_two_events(ours: Side, theirs: Side) -> None:
    item = track("u", "Order Completed", messageId="m", properties={"total": 5, "order_id": "o"})
    twice = [item, item]
    answers = await asyncio.gather(*(side.send(twice) for side in (ours, theirs, ours, theirs)))
    assert [answer.json()["accepted"] for answer in answers] == [2] * 4
    for side in (ours, theirs):
        found = await side.data(
            "{ profiles { nodes { buyerIntent { purchases { count totals { amount } } } } } }"
        )
        assert found["profiles"]["nodes"] == [
            {"buyerIntent": {"purchases": {"count": 1, "totals": [{"amount": "5"}]}}}
        ]


async def test_connections_change_hands_between_workspaces_without_a_slip(
    ours: Side, theirs: Side, application: Application
) -> None:
    """More requests than connections, of both workspaces, some given up in the middle, some failing."""
    await ours.tell(*(track(f"a{number}", "Signed In") for number in range(7)))
    await theirs.tell(*(track(f"b{number}", "Signed In") for number in range(11)))
    document = "{ profiles(first: 50) { totalCount nodes { identifiers { value } } } }"

    async def ask(side: Side, letter: str, count: int) -> None:
        found = (await side.data(document))["profiles"]
        values = [one["identifiers"][0]["value"] for one in found["nodes"]]
        assert (found["totalCount"], {value[0] for value in values}) == (count, {letter})

    async def fail(side: Side) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with application.database.transaction(side.workspace_id) as connection:
                await connection.execute("SELECT 1 / 0")

    async def give_up(side: Side) -> None:
        async with application.database.transaction(side.workspace_id) as connection:
            await connection.execute("SELECT pg_sleep(30)")

    for _ in range(6):
        lost = [asyncio.create_task(give_up(side)) for side in (ours, theirs)]
        asked = [
            asyncio.create_task(one)
            for _ in range(8)
            for one in (ask(ours, "a", 7), ask(theirs, "b", 11), fail(ours), fail(theirs))
        ]
        await asyncio.sleep(0)
        quitting = [asyncio.create_task(ask(side, letter, count)) for side, letter, count in
                    ((ours, "a", 7), (theirs, "b", 11)) * 3]  # fmt: skip
        await asked[0]
        for task in (*lost, *quitting):
            task.cancel()
        await asyncio.gather(*asked)
        await asyncio.gather(*lost, *quitting, return_exceptions=True)
