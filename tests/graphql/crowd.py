"""Many kinds of people and accounts in a workspace of their own: what generated documents are asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from cdp.access.keys import create_key
from cdp.model import WorkspaceId
from tests.graphql.conftest import NOW, World

NAMES = (
    "Ada Lovelace", "Zoë Müller", "李小龍", "שרה כהן", "O'Brien \\ \"Bob\"", "🧑🏽‍🚀 Space",
    "e\u0301 combining", " padded ",
    "<script>", "100% _wild_", "Ünïcödé ✓", "x" * 300, "line\nbreak\ttab", "\u202ertl", "Ann", "ANN",
)  # fmt: skip
TRAITS: tuple[dict[str, Any], ...] = (
    {}, {"plan": {"name": "pro", "seats": 40}}, {"plan": "free"}, {"plan": None},
    {"plan": {"name": None, "seats": -1.5e10}},
    {"seats": 2**53 + 1, "tags": ["a", "é", None, {"deep": [1, [2, []]]}]},
    {"big": 10**30, "small": 1e-30, "yes": True},
    {"city": "Oslo", "key with spaces": {"\u2028": "\u2029"}},
    {"city": "Tromsø", "score": 0}, {"": "empty", "city": ""},
)  # fmt: skip
ACCOUNTS: dict[str, dict[str, Any]] = {
    "acme": {"name": "Acme Works", "domain": "acme-works.com", "industry": "Toys"},
    "globex": {"name": "Globex ✓", "plan": {"name": "enterprise"}},
    "home": {"name": "The Müllers", "type": "household"},
    "bare": {},
}
INTENT = ("Pricing Viewed", "Product Viewed", "Demo Requested", "Trial Started", "Whatever")
MANY = 36


async def tell(world: World, name: str = "Crowd") -> World:
    """The same application, asked within a new workspace full of people."""
    application = world.application
    async with application.database.unbound() as connection:
        workspace_id = WorkspaceId(await connection.fetchval("SELECT cdp.create_workspace($1)", name))
    keys = {
        role: await create_key(application.database, workspace_id, role, role.lower()) for role in world.keys
    }
    crowd = replace(world, workspace_id=workspace_id, keys=keys)
    for key in ("export", "share", "search"):
        await _mutate(crowd, "featureDefine", "FeatureDefineInput", {"key": key, "tip": f"Try {key} ✓"})
    response = await crowd.client.post("/v1/batch", json={"batch": list(_items())}, auth=(keys["ADMIN"], ""))
    assert response.status_code == 200, response.text
    await _join_and_part(crowd)
    while await application.worker.settle_once():
        pass
    return crowd


async def _mutate(crowd: World, name: str, type_: str, given: dict[str, Any]) -> None:
    response = await crowd.client.post(
        "/graphql",
        json={
            "query": f"mutation ($input: {type_}!) {{ {name}(input: $input) {{ userErrors {{ message }} }} }}",
            "variables": {"input": given},
        },
        headers={"Authorization": f"Bearer {crowd.keys['ADMIN']}"},
    )
    answer = response.json()
    assert answer["data"][name] == {"userErrors": []}, answer


async def _ids(crowd: World, users: list[str]) -> list[str]:
    asked = " ".join(
        f'a{at}: profile(identifier: {{kind: "user_id", value: "{user}"}}) {{ id }}'
        for at, user in enumerate(users)
    )
    response = await crowd.client.post(
        "/graphql",
        json={"query": f'{{ {asked} acme: accounts(search: "acme") {{ nodes {{ id }} }} }}'},
        headers={"Authorization": f"Bearer {crowd.keys['ADMIN']}"},
    )
    data = response.json()["data"]
    return [*(data[f"a{at}"]["id"] for at in range(len(users))), data["acme"]["nodes"][0]["id"]]


async def _join_and_part(crowd: World) -> None:
    one, two, three, four, acme = await _ids(crowd, ["u1", "u2", "u3", "u5"])
    await _mutate(
        crowd, "profileMerge", "ProfileMergeInput", {"into": one, "from": two, "reason": "The same."}
    )
    await _mutate(crowd, "profileMerge", "ProfileMergeInput", {"into": three, "from": four})
    parting = {
        "profile": three,
        "identifiers": [{"kind": "user_id", "value": "u5"}],
        "reason": "Two after all.",
    }
    await _mutate(crowd, "profileSplit", "ProfileSplitInput", parting)
    await _mutate(crowd, "membershipSet", "MembershipSetInput", {"person": three, "account": acme})
    for role, more in (
        ("ECONOMIC_BUYER", {"note": "Signs. ✓"}),
        ("CHAMPION", {"until": "2027-01-01T00:00:00Z"}),
    ):
        await _mutate(
            crowd, "roleAssert", "RoleAssertInput", {"person": three, "account": acme, "role": role, **more}
        )
    await _mutate(crowd, "roleAssert", "RoleAssertInput", {"person": one, "role": "END_USER"})
    await _mutate(crowd, "accountUpdate", "AccountUpdateInput", {"id": acme, "seatsLicensed": 5})
    ended = {"person": one, "account": acme, "since": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    await _mutate(crowd, "membershipSet", "MembershipSetInput", ended)


def _items() -> Iterator[dict[str, Any]]:
    random = Random(7)

    def at() -> str:
        return (NOW - timedelta(days=random.choice((0.01, 0.5, 3, 20, 40, 100, 300)))).isoformat()

    for number in range(MANY):
        who = {"userId": f"u{number}"} if number % 4 else {"anonymousId": f"anon-{number}"}
        traits = dict(TRAITS[number % len(TRAITS)])
        if number % 3:
            traits["name"] = NAMES[number % len(NAMES)]
        if number % 2 and "userId" in who:
            traits["email"] = (
                f"u{number}@{random.choice(('acme-works.com', 'gmail.com', 'elsewhere-works.com'))}"
            )
        if number % 5 == 1:
            traits["phone"] = f"+47 400 00 {number:03}"
        yield {"type": "identify", **who, "timestamp": at(), "traits": traits}
        for account in random.sample(sorted(ACCOUNTS), random.choice((0, 0, 1, 1, 2))):
            yield {"type": "group", **who, "groupId": account, "timestamp": at(), "traits": ACCOUNTS[account]}
            if random.random() < 0.5:
                yield _track(random, {**who, "context": {"groupId": account}}, at())
        for _ in range(random.choice((0, 1, 3, 6))):
            yield _track(random, who, at())
    yield {"type": "identify", "userId": "u1", "anonymousId": "anon-0", "timestamp": at()}
    yield {"type": "track", "event": "Nobody's"}
    yield {"type": "track", "userId": "u5", "event": "x\x00y"}
    yield {"type": "wrong", "userId": "u5"}


def _track(random: Random, who: dict[str, Any], at: str) -> dict[str, Any]:
    item = {"type": "track", **who, "timestamp": at}
    match random.randrange(8):
        case 0:
            total = random.choice(("100.10", "0.01", "1200", "99999999999.99"))
            bought = {
                "order_id": f"o-{random.randrange(9)}",
                "total": total,
                "currency": random.choice(("eur", "usd", "jpy")),
            }
            return {**item, "event": "Order Completed", "properties": bought}
        case 1 | 2:
            return {
                **item,
                "event": "Feature Used",
                "properties": {"feature": random.choice(("export", "share", "api"))},
            }
        case 3:
            return {
                **item,
                "event": "Feedback Submitted",
                "properties": {"nps": random.randrange(11), "csat": 4.5},
            }
        case 4:
            return {
                **item,
                "event": random.choice(("Support Ticket Opened", "Invite Sent", "Training Completed")),
            }
        case 5:
            return {
                "type": "page",
                **who,
                "timestamp": at,
                "name": "Home ✓",
                "properties": {"path": "/", "n": None},
            }
        case _:
            return {
                **item,
                "event": random.choice(INTENT),
                "properties": {"deep": {"ünï": [1, None, "\u2028"]}},
            }
