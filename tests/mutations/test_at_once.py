from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

ERRORS = "userErrors { code field message }"


@pytest.fixture
async def people(api) -> tuple[str, str]:
    await api.ingest(
        {"type": "IDENTIFY", "userId": "ada", "traits": {"email": "ada@acme.com"}},
        {"type": "IDENTIFY", "userId": "bob", "traits": {"email": "bob@acme.com"}},
    )
    return (await api.person("user_id", "ada"))["id"], (await api.person("user_id", "bob"))["id"]


async def test_of_many_merges_at_once_one_is_carried_out(api, people):
    """In both directions, while events of both arrive: nobody waits crosswise, and nothing is lost."""
    ada, bob = people
    merges = [
        api.mutate("profileMerge", f"profile {{ id }} {ERRORS}", {"into": into, "from": from_})
        for into, from_ in [(ada, bob), (bob, ada)] * 5
    ]
    events = [
        api.ingest(*({"type": "TRACK", "event": "Pricing Viewed", "userId": user} for user in ("ada", "bob")))
        for _ in range(10)
    ]
    payloads, _ = await asyncio.gather(asyncio.gather(*merges), asyncio.gather(*events))
    codes = Counter(
        payload["userErrors"][0]["code"] if payload["userErrors"] else "DONE" for payload in payloads
    )
    assert codes == {"DONE": 1, "CONFLICT": 9}
    one = await api.person("user_id", "ada", "id buyerIntent { signals { count } }")
    assert one == await api.person("user_id", "bob", "id buyerIntent { signals { count } }")
    assert one["buyerIntent"]["signals"] == [{"count": 20}]


async def test_everything_at_once_leaves_one_truth(api, people):
    """Statements, merges, splits and events that concern the same two people, all together, none failing oddly."""
    ada, bob = people
    bobs: list[dict[str, Any]] = [
        {"kind": "user_id", "value": "bob"},
        {"kind": "email", "value": "bob@acme.com"},
    ]
    account = (
        await api.mutate("accountUpdate", "account { id }", {"groupId": "acme", "domain": "acme.com"})
    )["account"]
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("profileMerge", {"into": ada, "from": bob}),
        ("profileSplit", {"profile": ada, "identifiers": bobs}),
        ("profileUpdate", {"profile": bob, "traits": {"plan": "pro"}}),
        ("membershipSet", {"person": ada, "account": account["id"]}),
        ("membershipSet", {"person": bob, "account": account["id"]}),
        ("accountUpdate", {"groupId": "acme", "traits": {"tier": 1}}),
        ("roleAssert", {"person": ada, "role": "END_USER", "account": account["id"]}),
        ("eventsIngest", {"events": [{"type": "TRACK", "event": "Pricing Viewed", "userId": "bob"}]}),
        ("featureDefine", {"key": "search"}),
        ("workspaceSettingsUpdate", {"warmScore": 5.0}),
    ]
    payloads = await asyncio.gather(
        *(api.mutate(name, ERRORS, given) for _ in range(4) for name, given in tasks)
    )
    codes = {error["code"] for payload in payloads for error in payload["userErrors"]}
    assert codes <= {"CONFLICT", "BAD_USER_INPUT", "NOT_FOUND"}
    await api.mutate("profileMerge", ERRORS, {"into": ada, "from": bob})
    together = await api.person(
        "user_id", "bob", "id buyerIntent { signals { count } } memberships { totalCount }"
    )
    assert together["id"] == (await api.person("user_id", "ada"))["id"]
    assert together["buyerIntent"]["signals"] == [{"count": 4}]
    assert together["memberships"]["totalCount"] == 1
