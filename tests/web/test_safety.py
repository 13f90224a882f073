"""What every answer says to browsers, and who may read it there."""

from __future__ import annotations

import httpx
import pytest

from cdp.access.keys import make_key
from cdp.access.principals import operator
from cdp.db.pool import Database
from cdp.model import Limits, WorkspaceId
from cdp.web.safety import EVERYWHERE
from cdp.workspaces import store as workspaces
from tests.ingest.parts import NOON

SHOP, STRANGER = "https://shop.example", "https://elsewhere.example"
EVENT = {"type": "track", "event": "Pricing Viewed", "userId": "u1"}


@pytest.fixture
async def bound(database: Database, workspace: WorkspaceId) -> str:
    """A public key for the pages of one shop."""
    async with database.connection(workspace) as connection, connection.transaction():
        made = await make_key(
            connection, operator(workspace), name="shop", role="INGEST", now=NOON, origins=[SHOP]
        )
    return made.token


async def send(client: httpx.AsyncClient, key: str, origin: str | None) -> httpx.Response:
    headers = {"X-Write-Key": key} | ({"Origin": origin} if origin else {})
    return await client.post("/v1/track", json=EVENT, headers=headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/batch"),
        ("OPTIONS", "/v1/batch"),
        ("GET", "/healthz"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/t"),
    ],
)
async def test_every_answer_keeps_browsers_from_making_anything_else_of_it(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    said = {name.decode(): value.decode() for name, value in EVERYWHERE}
    assert said.items() <= dict(answer.headers).items()
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers, "nothing is promised that is not kept"


async def test_what_came_by_tls_is_to_come_so_again(client: httpx.AsyncClient) -> None:
    answer = await client.get("https://cdp.test/healthz")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_any_page_may_send_with_a_key_that_is_for_all_and_read_what_came_of_it(
    client: httpx.AsyncClient, key: str
) -> None:
    answer = await send(client, key, STRANGER)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


async def test_with_a_key_for_some_pages_others_can_neither_send_nor_read(
    client: httpx.AsyncClient, bound: str
) -> None:
    answer = await send(client, bound, SHOP)
    assert answer.status_code == 200
    assert answer.headers.get_list("access-control-allow-origin") == [SHOP]
    assert "Origin" in answer.headers["vary"]
    for origin in (STRANGER, "null", f"{SHOP}.evil.example", f"{SHOP}:8443", None):
        assert (await send(client, bound, origin)).status_code == 401
    answer = await client.get(f"/v1/projects/{bound}/settings", headers={"Origin": SHOP})
    assert answer.headers.get_list("access-control-allow-origin") == [SHOP]


async def test_answers_say_how_much_more_may_be_sent(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId
) -> None:
    limits = Limits(events_per_second=10, key_requests_per_second=2, address_requests_per_second=1)
    await workspaces.set_limits(database, workspace, limits)
    answer = await send(client, key, STRANGER)
    assert answer.headers["ratelimit-policy"] == '"events";q=50;w=5, "requests";q=5;w=5'
    assert answer.headers["ratelimit"] == '"events";r=49;t=1, "requests";r=4;t=1'
    assert "RateLimit" in answer.headers["access-control-expose-headers"]
    answers = [await send(client, key, None) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[-1].json()["message"] == "One address may send 1 requests a second; wait and send again."
    assert '"requests";r=0;t=5' in answers[-1].headers["ratelimit"]
