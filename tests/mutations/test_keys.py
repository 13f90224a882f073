"""Keys and roles managed over GraphQL, and why somebody sees something or does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cdp.access.scopes import SCOPES, KeyRole
from cdp.model.ids import encode_id

KEY = "id name role scopes publishable prefix state expiresAt previousPrefix previousUntil networks origins"
FAILED = "userErrors { code field message }"


async def make(api: Any, role: str, **given: Any) -> dict[str, Any]:
    given = {"name": "k", "role": role, **given}
    return await api.mutate("keyCreate", f"token key {{ {KEY} }} {FAILED}", given)


def with_key(api: Any, token: str) -> Any:
    return type(api)(api.client, token)


async def status(api: Any, token: str, **headers: str) -> int:
    """What a request with this key is answered with."""
    response = await api.client.post(
        "/graphql",
        json={"query": "{ __typename }"},
        headers={"Authorization": f"Bearer {token}", **headers},
    )
    return int(response.status_code)


async def test_a_key_is_made_used_rotated_and_ended(api: Any) -> None:
    made = await make(api, "sales", name="crm", expiresAt="2026-06-01T00:00:00Z")
    assert made == {
        "token": made["token"],
        "key": {
            "id": made["key"]["id"],
            "name": "crm",
            "role": "SALES",
            "scopes": ["intent:read", "pii:read", "profiles:read"],
            "publishable": False,
            "prefix": made["token"][:12],
            "state": "ACTIVE",
            "expiresAt": "2026-06-01T00:00:00.000000Z",
            "previousPrefix": None,
            "previousUntil": None,
            "networks": [],
            "origins": [],
        },
        "userErrors": [],
    }
    key = made["key"]["id"]
    rotated = await api.mutate("keyRotate", f"token key {{ {KEY} }} {FAILED}", {"id": key, "overlap": "PT2H"})
    assert rotated["key"] == {
        **made["key"],
        "prefix": rotated["token"][:12],
        "previousPrefix": made["token"][:12],
        "previousUntil": "2026-03-01T14:00:00.000000Z",
    }
    for token in (made["token"], rotated["token"]):
        assert await status(api, token) == 200
    ended = await api.mutate("keyRevoke", f"key {{ id state }} {FAILED}", {"id": key})
    assert ended == {"key": {"id": key, "state": "REVOKED"}, "userErrors": []}
    assert key not in [one["id"] for one in (await api.run("{ keys { id } }"))["keys"]]
    listed = (await api.run("{ keys(ended: true) { id state revokedAt } }"))["keys"]
    assert listed[-1] == {"id": key, "state": "REVOKED", "revokedAt": "2026-03-01T12:00:00.000000Z"}


async def test_a_key_is_changed_where_something_is_given_and_nowhere_else(api: Any) -> None:
    made = await make(api, "SALES", expiresAt="2026-06-01T00:00:00Z", networks=["203.0.113.0/24"])
    change = {"id": made["key"]["id"], "name": "desk", "expiresAt": None, "role": None}
    changed = await api.mutate("keyUpdate", f"key {{ {KEY} }} {FAILED}", change)
    assert changed == {"key": {**made["key"], "name": "desk", "expiresAt": None}, "userErrors": []}


@pytest.mark.parametrize(
    ("name", "given", "code", "field"),
    [
        ("keyCreate", {"name": " ", "role": "SALES"}, "BAD_USER_INPUT", ["input", "name"]),
        ("keyCreate", {"name": "k", "role": "BOSS"}, "BAD_USER_INPUT", ["input", "role"]),
        (
            "keyCreate",
            {"name": "k", "role": "SALES", "expiresAt": "2026-03-01T12:00:00Z"},
            "BAD_USER_INPUT",
            ["input", "expiresAt"],
        ),
        (
            "keyCreate",
            {"name": "k", "role": "SALES", "networks": ["10.0.0.0/8", "x"]},
            "BAD_USER_INPUT",
            ["input", "networks", "1"],
        ),
        ("keyRotate", {"id": encode_id("ApiKey", 9999)}, "NOT_FOUND", ["input"]),
        ("keyRevoke", {"id": encode_id("Profile", 1)}, "NOT_FOUND", ["input", "id"]),
        ("accessRoleDefine", {"name": "SALES", "scopes": []}, "BAD_USER_INPUT", ["input", "name"]),
        (
            "accessRoleDefine",
            {"name": "OWN", "scopes": ["visitor:read"]},
            "BAD_USER_INPUT",
            ["input", "scopes", "0"],
        ),
        ("accessRoleRemove", {"name": "NOBODY_S"}, "NOT_FOUND", ["input"]),
    ],
)
async def test_what_cannot_be_is_said_as_data(
    api: Any, name: str, given: dict[str, Any], code: str, field: list[str]
) -> None:
    answer = await api.mutate(name, FAILED, given)
    assert [(one["code"], one["field"]) for one in answer["userErrors"]] == [(code, field)]


async def test_roles_are_defined_listed_held_and_removed(api: Any) -> None:
    """Presets come first, and stay as they are."""
    role = "role { name description scopes preset keys }"
    scopes = ["profiles:read", "intent:read", "workspace:admin"]
    defined = await api.mutate(
        "accessRoleDefine", f"{role} {FAILED}", {"name": "EMEA_SALES", "scopes": scopes, "description": "…"}
    )
    shown = {
        "name": "EMEA_SALES",
        "description": "…",
        "scopes": sorted(scopes),
        "preset": False,
        "keys": 0,
    }
    assert defined == {"role": shown, "userErrors": []}
    made = await make(api, "EMEA_SALES")
    listed = (await api.run("{ accessRoles { name description scopes preset keys } }"))["accessRoles"]
    assert [(one["name"], one["scopes"], one["keys"]) for one in listed[:-1]] == [
        (preset.value, sorted(SCOPES[preset]), None) for preset in KeyRole
    ]
    assert listed[-1] == {**shown, "keys": 1}
    deputy = with_key(api, made["token"])
    answer = await deputy.ask("{ profiles { totalCount } workspace { name } accessRoles { name } }")
    assert "errors" not in answer
    refused = await api.mutate("accessRoleRemove", f"name {FAILED}", {"name": "EMEA_SALES"})
    assert [one["code"] for one in refused["userErrors"]] == ["CONFLICT"]
    await api.mutate("keyRevoke", FAILED, {"id": made["key"]["id"]})
    removed = await api.mutate("accessRoleRemove", f"name {FAILED}", {"name": "EMEA_SALES"})
    assert removed == {"name": "EMEA_SALES", "userErrors": []}


async def test_who_hands_out_more_than_they_have_is_forbidden_and_nothing_is_made(api: Any) -> None:
    """The error names the scope."""
    await api.mutate("accessRoleDefine", FAILED, {"name": "DEPUTY", "scopes": ["workspace:admin"]})
    deputy = with_key(api, (await make(api, "DEPUTY"))["token"])
    for name, given in (
        ("keyCreate", {"name": "k", "role": "SALES"}),
        ("accessRoleDefine", {"name": "MORE", "scopes": ["workspace:admin", "intent:read"]}),
    ):
        kind = f"{name[0].upper()}{name[1:]}Input!"
        answer = await deputy.ask(
            f"mutation ($input: {kind}) {{ {name}(input: $input) {{ {FAILED} }} }}", input=given
        )
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "intent:read" in error["message"]
    roles = (await api.run("{ accessRoles { name } }"))["accessRoles"]
    assert {"name": "MORE"} not in roles
    assert len((await api.run("{ keys { id } }"))["keys"]) == 2


async def test_what_is_done_to_keys_stands_in_the_audit_log_without_what_authenticates(
    api: Any, superuser: Any
) -> None:
    made = await make(api, "SALES", name="crm")
    key = made["key"]["id"]
    rotated = await api.mutate("keyRotate", "token", {"id": key})
    await api.mutate("keyUpdate", FAILED, {"id": key, "name": "desk"})
    await api.mutate("keyRevoke", FAILED, {"id": key})
    await api.mutate("accessRoleDefine", FAILED, {"name": "OWN", "scopes": ["profiles:read"]})
    await api.mutate("accessRoleRemove", FAILED, {"name": "OWN"})
    await api.mutate("keyRevoke", FAILED, {"id": encode_id("ApiKey", 9999)})
    rows = [dict(row) for row in await superuser.fetch("SELECT * FROM audit_entry ORDER BY sequence")]
    assert [(row["act"], row["object"]) for row in rows] == [
        ("keyCreate", key),
        ("keyRotate", key),
        ("keyUpdate", key),
        ("keyRevoke", key),
        ("accessRoleDefine", "OWN"),
        ("accessRoleRemove", "OWN"),
    ]
    said = json.dumps(rows, default=str)
    assert made["token"] not in said
    assert rotated["token"] not in said
    assert made["token"][:12] in said


async def test_a_key_of_some_places_is_refused_elsewhere_over_every_transport(api: Any) -> None:
    """The tests' client comes from 127.0.0.1, and names the page that it would be."""
    here, elsewhere = [
        (await make(api, "ADMIN", networks=[network]))["token"] for network in ("127.0.0.0/8", "192.0.2.0/24")
    ]
    assert [await status(api, token) for token in (here, elsewhere)] == [200, 401]
    page = (await make(api, "INGEST", origins=["https://shop.example.com"]))["token"]
    event = {"userId": "u", "event": "A"}
    found = {}
    for origin in ("https://shop.example.com", "https://elsewhere.example", None):
        headers = {"X-Write-Key": page, **({} if origin is None else {"Origin": origin})}
        found[origin] = (await api.client.post("/v1/track", json=event, headers=headers)).status_code
    assert found == {"https://shop.example.com": 200, "https://elsewhere.example": 401, None: 401}


async def test_a_purpose_is_one_of_those_that_there_are(api: Any) -> None:
    assert await status(api, api.key, **{"X-Purpose": "support"}) == 200
    assert await status(api, api.key, **{"X-Purpose": "because"}) == 400


EXPLAIN = """query ($of: String!, $key: ID, $role: String) {
  accessExplain(coordinate: $of, key: $key, role: $role) {
    coordinate verdict because subject role scopes needs { scope inherited held } declassified { reason }
  }
}"""


async def test_every_decision_is_explained_by_its_place_in_the_schema(api: Any) -> None:
    async def explained(of: str, **whose: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await api.run(EXPLAIN, of=of, **whose))["accessExplain"]
        return found

    panel = await explained("Profile.buyerIntent", role="SUPPORT")
    assert panel == {
        "coordinate": "Profile.buyerIntent",
        "verdict": "DENIED",
        "because": "It takes `intent:read`, which the role SUPPORT does not grant.",
        "subject": "role:SUPPORT",
        "role": "SUPPORT",
        "scopes": ["pii:read", "profiles:read", "usage:read"],
        "needs": [
            {"scope": "intent:read", "inherited": False, "held": False},
            {"scope": "profiles:read", "inherited": True, "held": True},
        ],
        "declassified": [],
    }
    verdicts = {
        of: (await explained(of, role="MARKETING"))["verdict"]
        for of in (
            "ProfileFilter.usage",
            "ProfileOrderField.INTENT_SCORE",
            "Query.profiles(search:)",
            "Identifier.value",
            "Mutation.keyCreate",
        )
    }
    assert verdicts == {
        "ProfileFilter.usage": "GRANTED",
        "ProfileOrderField.INTENT_SCORE": "GRANTED",
        "Query.profiles(search:)": "DENIED",
        "Identifier.value": "MASKED",
        "Mutation.keyCreate": "DENIED",
    }
    assert (await explained("Membership.influence", role="SUPPORT"))["declassified"]
    made = await make(api, "SALES")
    of_key = await explained("Profile.buyerIntent", key=made["key"]["id"])
    assert (of_key["verdict"], of_key["role"]) == ("GRANTED", "SALES")


async def test_explanations_agree_with_what_happens(api: Any, asking: Any) -> None:
    """For each preset: what is said of a field of Query, and what asking for it comes to."""
    fields = {
        "Query.keys": "{ keys { id } }",
        "Query.profiles": "{ profiles { totalCount } }",
        "Query.workspace": "{ workspace { name } }",
        "Query.enrichmentSettings": "{ enrichmentSettings { confidence } }",
    }
    for role in KeyRole:
        caller = await asking(role.value)
        for coordinate, document in fields.items():
            said = (await caller.run(EXPLAIN, of=coordinate))["accessExplain"]
            answer = await caller.ask(document)
            assert (said["verdict"] == "GRANTED") == ("errors" not in answer), (role, coordinate)
            assert said["role"] == role.value


async def test_only_administrators_have_others_explained(api: Any, asking: Any) -> None:
    sales = await asking("SALES")
    made = await make(api, "SALES")
    for whose in ({"role": "ADMIN"}, {"key": made["key"]["id"]}):
        answer = await sales.ask(EXPLAIN, of="Profile.usage", **whose)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    for of, whose in (
        ("Profile.nothing", {}),
        ("Profile.usage", {"role": "BOSS"}),
        ("Profile.usage", {"role": "\0"}),
        ("Profile.usage\0", {}),
        ("Profile.usage", {"role": "SALES", "key": made["key"]["id"]}),
    ):
        answer = await api.ask(EXPLAIN, of=of, **whose)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_every_example_of_the_page_about_keys_does_what_it_says(api: Any) -> None:
    """In the order of the page."""
    page = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
    examples = re.findall(r"^```graphql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(examples) == 6
    variables: dict[str, str] = {}
    for example in examples:
        data = await api.run(example, **(variables if "$key" in example else {}))
        for payload in data.values():
            assert payload, example
            assert isinstance(payload, list) or payload.get("userErrors", []) == [], example
        if "keyCreate" in data:
            variables["key"] = data["keyCreate"]["key"]["id"]
