"""Whoever asks too often, for too much, or with keys that are guessed, is told so, and nobody else notices."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from cdp.access.tokens_of_keys import make_token
from cdp.app import Application, create_asgi
from cdp.model import Limits
from cdp.settings import Settings
from cdp.workspaces import store as workspaces
from tests.security.conftest import NOW, Side, track

NAMES = "{ profiles(first: 1) { nodes { displayName } } }"
"""Costs 12: reading a page, and the one person on it with a name."""


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Application]:
    settings = Settings(
        database_url=database_url,
        pool_size=4,
        flush_delay_ms=0.1,
        wrong_keys_per_minute=5,
        address_requests_per_second=2,
    )
    async with Application.open(settings, clock=lambda: NOW) as application:
        yield application


def from_address(application: Application, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_asgi(application), client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


async def test_graphql_requests_are_counted_and_answers_say_how_many_are_left(
    ours: Side, theirs: Side, application: Application
) -> None:
    await workspaces.set_limits(application.database, ours.workspace_id, Limits(requests_per_second=0.8))
    answers = [await ours.post(NAMES) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"requests";r=3;t=2'
    refused = answers[-1]
    assert refused.headers["ratelimit"] == '"requests";r=0;t=5'
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": int(refused.headers["retry-after"])}
    assert "data" not in refused.json()
    assert (await theirs.post(NAMES)).status_code == 200


async def test_what_operations_cost_is_counted_whatever_their_number(
    ours: Side, application: Application
) -> None:
    await workspaces.set_limits(application.database, ours.workspace_id, Limits(cost_per_second=100))
    many = "{ profiles(first: 30) { nodes { displayName } } }"
    first = await ours.post(many)
    assert first.headers["ratelimit-policy"] == '"cost";q=500;w=5'
    answers = [first]
    while answers[-1].status_code == 200 and len(answers) < 50:
        answers.append(await ours.post(many))
    assert 5 <= len(answers) < 15
    assert answers[-1].status_code == 429
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert (await ours.post("{ __typename }")).status_code == 200, "what costs little still goes"


async def test_one_key_that_asks_too_often_does_not_hold_up_the_others(
    ours: Side, application: Application
) -> None:
    limits = Limits(key_requests_per_second=0.4)
    await workspaces.set_limits(application.database, ours.workspace_id, limits)
    assert [(await ours.post(NAMES)).status_code for _ in range(3)] == [200, 200, 429]
    assert (await ours.post(NAMES, role="SALES")).status_code == 200


async def test_documents_that_are_refused_count_as_well(ours: Side, application: Application) -> None:
    """Else whoever sends nonsense could go on for ever."""
    await workspaces.set_limits(application.database, ours.workspace_id, Limits(requests_per_second=0.4))
    assert [(await ours.post("{ nonsense")).status_code for _ in range(3)] == [200, 200, 429]


async def test_an_address_that_guesses_keys_is_refused_unread_by_every_way_in(
    ours: Side, application: Application
) -> None:
    async with from_address(application, "192.0.2.1") as guesser:
        await guesser.post(
            "/graphql", json={"query": NAMES}, headers={"Authorization": f"Bearer {ours.keys['SALES']}"}
        )
        said = []
        for _ in range(7):
            key = make_token(publishable=False)
            answer = await guesser.post(
                "/graphql", json={"query": NAMES}, headers={"Authorization": f"Bearer {key}"}
            )
            said.append(answer.status_code)
        assert said == [401] * 5 + [429] * 2
        assert answer.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        event = track("u", "Pricing Viewed")
        tracked = await guesser.post(
            "/v1/track", json=event, headers={"X-Write-Key": make_token(publishable=True)}
        )
        assert (tracked.status_code, tracked.json()["code"]) == (429, "RATE_LIMITED")
        assert int(tracked.headers["retry-after"]) >= 1
        unknown = await guesser.post(
            "/graphql", json={"query": NAMES}, headers={"X-Api-Key": ours.keys["ADMIN"]}
        )
        assert unknown.status_code == 429, "a key that has not been seen is as good as any guess"
        known = await guesser.post(
            "/graphql", json={"query": NAMES}, headers={"X-Api-Key": ours.keys["SALES"]}
        )
        assert known.status_code == 200
    async with from_address(application, "192.0.2.2") as other:
        answer = await other.post(
            "/graphql", json={"query": NAMES}, headers={"X-Api-Key": ours.keys["ADMIN"]}
        )
        assert answer.status_code == 200


async def test_what_is_no_key_at_all_counts_as_a_guess(ours: Side, application: Application) -> None:
    async with from_address(application, "192.0.2.3") as guesser:
        statuses = [
            (
                await guesser.post(
                    "/v1/track", json=track("u", "A"), headers={"X-Write-Key": secrets.token_hex(8)}
                )
            ).status_code
            for _ in range(6)
        ]
    assert statuses == [401] * 5 + [429]


async def test_strangers_who_ask_about_the_schema_are_counted_by_address(
    ours: Side, application: Application
) -> None:
    async with from_address(application, "192.0.2.4") as stranger:
        answers = [await stranger.post("/graphql", json={"query": "{ __typename }"}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    async with from_address(application, "192.0.2.5") as other:
        assert (await other.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
    assert (await ours.post(NAMES)).status_code == 200


async def test_graphiql_runs_no_script_but_its_own(ours: Side) -> None:
    """The one within its page is known by its hash: whatever else got into the page would not run."""
    page = await ours.client.get("/graphql", headers={"Accept": "text/html"})
    policy = dict(one.strip().split(" ", 1) for one in page.headers["content-security-policy"].split(";"))
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"].split() == ["'self'", f"'sha256-{digest}'", "blob:"]
    assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    answer = await ours.post(NAMES)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
