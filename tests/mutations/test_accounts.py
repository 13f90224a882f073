from __future__ import annotations

from typing import Any

import pytest

from cdp.model.ids import encode_id

ACCOUNT = "account { id kind name domain traits } userErrors { code field message }"
MEMBERSHIP = """membership { id person { id } account { id } since until roles { role source confidence until } }
    userErrors { code field message }"""


async def member_of(api, account: str) -> list[str]:
    document = "query ($id: ID!) { account(id: $id) { people { nodes { person { id } until } } } }"
    people = (await api.run(document, id=account))["account"]["people"]["nodes"]
    return [node["person"]["id"] for node in people if node["until"] is None]


@pytest.fixture
async def ada(api) -> str:
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "traits": {"name": "Ada"}})
    return (await api.person("user_id", "ada"))["id"]


@pytest.fixture
async def acme(api) -> str:
    payload = await api.mutate("accountUpdate", ACCOUNT, {"groupId": "acme", "name": "Acme"})
    return payload["account"]["id"]


async def test_an_account_is_made_by_its_group_id_and_changed_by_any_of_its_names(api):
    made = await api.mutate(
        "accountUpdate",
        ACCOUNT,
        {"groupId": "acme", "name": "Acme", "domain": "www.acme.com", "traits": {"tier": 1}},
    )
    assert made["userErrors"] == []
    account = made["account"]
    assert (account["kind"], account["name"], account["domain"]) == ("ORGANISATION", "Acme", "acme.com")
    assert account["traits"]["tier"] == 1
    for by in ({"id": account["id"]}, {"groupId": "acme"}, {"domain": "acme.com"}):
        changed = await api.mutate("accountUpdate", ACCOUNT, {**by, "name": f"By {next(iter(by))}"})
        assert changed["userErrors"] == []
        assert (changed["account"]["id"], changed["account"]["name"]) == (
            account["id"],
            f"By {next(iter(by))}",
        )
    assert (await api.run('{ account(domain: "acme.com") { id } }'))["account"]["id"] == account["id"]


async def test_a_household_is_an_account_as_well(api, ada):
    payload = await api.mutate(
        "accountUpdate", ACCOUNT, {"groupId": "h1", "kind": "HOUSEHOLD", "name": "The Smiths"}
    )
    assert payload["account"]["kind"] == "HOUSEHOLD"
    payload = await api.mutate(
        "membershipSet", MEMBERSHIP, {"person": ada, "account": payload["account"]["id"]}
    )
    assert payload["userErrors"] == []


async def test_a_domain_names_the_account_of_people_who_write_from_it(api):
    await api.ingest({"type": "IDENTIFY", "userId": "bob", "traits": {"email": "bob@globex.com"}})
    known = (await api.run('{ account(domain: "globex.com") { id } }'))["account"]["id"]
    payload = await api.mutate("accountUpdate", ACCOUNT, {"groupId": "globex", "domain": "globex.com"})
    bob = (await api.person("user_id", "bob"))["id"]
    assert await member_of(api, payload["account"]["id"]) == [bob]
    assert await member_of(api, known) == [bob]


async def test_an_account_that_cannot_be_is_told(api, acme, asking, other_workspace):
    stranger = await asking("ADMIN", of=other_workspace)
    foreign = (await stranger.mutate("accountUpdate", ACCOUNT, {"groupId": "x"}))["account"]["id"]
    await api.mutate("accountUpdate", ACCOUNT, {"groupId": "other", "domain": "other.com"})
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        ({}, "BAD_USER_INPUT", ["id"]),
        ({"id": foreign}, "NOT_FOUND", ["id"]),
        ({"id": encode_id("Account", 10**12)}, "NOT_FOUND", ["id"]),
        ({"id": encode_id("Profile", 1)}, "NOT_FOUND", ["id"]),
        ({"groupId": ""}, "BAD_USER_INPUT", ["groupId"]),
        ({"groupId": "a\0b"}, "BAD_USER_INPUT", ["groupId"]),
        ({"domain": "gmail.com"}, "BAD_USER_INPUT", ["domain"]),
        ({"domain": "no domain"}, "BAD_USER_INPUT", ["domain"]),
        ({"id": acme, "domain": "other.com"}, "CONFLICT", ["domain"]),
        ({"id": acme, "seatsLicensed": -1}, "BAD_USER_INPUT", ["seatsLicensed"]),
        ({"id": acme, "name": " "}, "BAD_USER_INPUT", ["name"]),
        ({"id": acme, "name": "a\0b"}, "BAD_USER_INPUT", ["name"]),
        ({"id": acme, "traits": "none"}, "BAD_USER_INPUT", ["traits"]),
    ]
    for given, code, field in cases:
        payload = await api.mutate("accountUpdate", ACCOUNT, given)
        assert payload["account"] is None, given
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            (code, ["input", *field])
        ], given


async def test_a_membership_begins_ends_and_begins_again_by_a_person_s_word(api, ada, acme):
    payload = await api.mutate(
        "membershipSet", MEMBERSHIP, {"person": ada, "account": acme, "since": "2026-01-01T00:00:00Z"}
    )
    assert payload["userErrors"] == []
    assert payload["membership"]["person"]["id"] == ada
    assert payload["membership"]["account"]["id"] == acme
    assert payload["membership"]["since"] == "2026-01-01T00:00:00.000000Z"
    assert await member_of(api, acme) == [ada]
    payload = await api.mutate(
        "membershipSet",
        MEMBERSHIP,
        {"person": ada, "account": acme, "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"},
    )
    assert payload["membership"]["until"] == "2026-02-01T00:00:00.000000Z"
    assert await member_of(api, acme) == []
    await api.mutate("membershipSet", MEMBERSHIP, {"person": ada, "account": acme})
    assert await member_of(api, acme) == [ada]


async def test_a_membership_that_cannot_be_is_told(api, ada, acme):
    missing = encode_id("Account", 10**12)
    for given, code, field in (
        ({"person": ada, "account": missing}, "NOT_FOUND", ["account"]),
        ({"person": acme, "account": acme}, "NOT_FOUND", ["person"]),
        (
            {
                "person": ada,
                "account": acme,
                "since": "2026-02-01T00:00:00Z",
                "until": "2026-01-01T00:00:00Z",
            },
            "BAD_USER_INPUT",
            ["until"],
        ),
    ):
        payload = await api.mutate("membershipSet", MEMBERSHIP, given)
        assert payload["membership"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            (code, ["input", *field])
        ]


def standing(payload: dict[str, Any]) -> list[str]:
    """Roles that a person asserted and that hold."""
    assert payload["userErrors"] == []
    roles = payload["membership"]["roles"]
    return [role["role"] for role in roles if role["source"] == "human:admin" and role["until"] is None]


async def test_a_role_holds_from_a_person_s_word_until_it_is_taken_back(api, ada, acme):
    await api.mutate("membershipSet", MEMBERSHIP, {"person": ada, "account": acme})
    given = {"person": ada, "account": acme, "role": "ECONOMIC_BUYER"}
    assert standing(await api.mutate("roleAssert", MEMBERSHIP, {**given, "note": "Signs."})) == [
        "ECONOMIC_BUYER"
    ]
    assert standing(await api.mutate("roleAssert", MEMBERSHIP, given)) == ["ECONOMIC_BUYER"]
    assert standing(await api.mutate("roleRetract", MEMBERSHIP, given)) == []
    assert standing(await api.mutate("roleAssert", MEMBERSHIP, given)) == ["ECONOMIC_BUYER"]
    ended = await api.mutate("roleAssert", MEMBERSHIP, {**given, "until": "2026-02-01T00:00:00Z"})
    assert standing(ended) == []


async def test_without_an_account_the_role_is_within_the_membership_with_oneself(api, ada):
    payload = await api.mutate("roleAssert", MEMBERSHIP, {"person": ada, "role": "END_USER"})
    assert standing(payload) == ["END_USER"]
    assert payload["membership"]["account"] is None
    person = await api.person("user_id", "ada", "memberships { nodes { account { id } roles { role } } }")
    assert person["memberships"]["nodes"] == [{"account": None, "roles": [{"role": "END_USER"}]}]


async def test_a_role_that_cannot_be_is_told(api, ada, acme):
    for name, given, code, field in (
        ("roleAssert", {"role": "KING"}, "BAD_USER_INPUT", ["role"]),
        ("roleAssert", {"role": "END_USER", "account": acme}, "NOT_FOUND", []),
        ("roleAssert", {"role": "END_USER", "account": ada}, "NOT_FOUND", ["account"]),
        ("roleAssert", {"role": "END_USER", "note": "a\0b"}, "BAD_USER_INPUT", ["note"]),
        ("roleRetract", {"role": "END_USER"}, "CONFLICT", []),
    ):
        payload = await api.mutate(name, MEMBERSHIP, {"person": ada, **given})
        assert payload["membership"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            (code, ["input", *field])
        ]
