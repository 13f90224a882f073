"""A server on a port of its own, in this process, with a clock that tests move."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
import websockets

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.graphql.socket import LARGEST_MESSAGE, PROTOCOL
from cdp.model import WorkspaceId
from cdp.settings import Settings

ROLES = ("ADMIN", "SALES", "SUPPORT", "INGEST")
PATIENCE = 10.0
"""Seconds after which what should have come will not."""


class Clock:
    """The time, as tests have it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Line:
    """A WebSocket that speaks graphql-transport-ws."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, query: str, number: int = 1, **variables: Any) -> None:
        await self.send(id=str(number), type="subscribe", payload={"query": query, "variables": variables})

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.connection.recv())  # type: ignore[no-any-return]

    async def data(self) -> Any:
        """The data of the next answer."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def closed(self) -> tuple[int, str]:
        """How the server closes it; messages that come before are passed over."""
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await self.connection.recv()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


@dataclass
class Live:
    """A served application with one workspace."""

    application: Application
    url: str
    workspace_id: WorkspaceId
    keys: dict[str, str]
    clock: Clock
    client: httpx.AsyncClient
    sent: int = field(default=0)

    def headers(self, role: str = "ADMIN") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}

    async def track(self, *events: dict[str, Any]) -> None:
        """Events through the tracking API, a moment later; without a `type` they are `track` calls."""
        self.clock.now += timedelta(milliseconds=1)
        batch = []
        for event in events:
            self.sent += 1
            batch.append({"type": "track", "messageId": f"m{self.sent}", **event})
        answer = await self.client.post("/v1/batch", json={"batch": batch}, auth=(self.keys["INGEST"], ""))
        assert answer.json()["accepted"] == len(events), answer.text

    async def ask(self, query: str, role: str = "ADMIN", **variables: Any) -> Any:
        """The data of a query or mutation."""
        answer = await self.client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=self.headers(role)
        )
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    async def id_of(self, user_id: str) -> str:
        query = 'query ($v: String!) { profile(identifier: {kind: "user_id", value: $v}) { id } }'
        return (await self.ask(query, v=user_id))["profile"]["id"]  # type: ignore[no-any-return]

    def connect(self, **named: Any) -> Any:
        """A bare WebSocket."""
        named.setdefault("subprotocols", [PROTOCOL])
        return websockets.connect(self.url.replace("http", "ws") + "/graphql", **named)

    @asynccontextmanager
    async def line(self, role: str = "ADMIN") -> AsyncIterator[Line]:
        """A WebSocket on which the key has been accepted."""
        async with self.connect() as connection:
            line = Line(connection)
            await line.send(type="connection_init", payload={"authorization": f"Bearer {self.keys[role]}"})
            assert await line.receive() == {"type": "connection_ack"}
            yield line

    async def left_alone(self) -> None:
        """Wait until nobody watches any more."""
        async with asyncio.timeout(PATIENCE):
            while self.application.hub.watchers:  # noqa: ASYNC110 - the hub has no need of an event for it
                await asyncio.sleep(0.01)

    async def settle(self) -> None:
        while await self.application.worker.settle_once():
            pass


@pytest.fixture
async def live(database_url: str) -> AsyncGenerator[Live]:
    clock = Clock()
    settings = Settings(database_url=database_url, pool_size=6, flush_delay_ms=0.1)
    async with Application.open(settings, clock=clock) as application:
        async with application.database.unbound() as connection:
            workspace_id = WorkspaceId(await connection.fetchval("SELECT cdp.create_workspace('Acme')"))
        keys = {
            role: await create_key(application.database, workspace_id, role, role.lower()) for role in ROLES
        }
        async with serving(application) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            yield Live(application, url, workspace_id, keys, clock, client)


@asynccontextmanager
async def serving(application: Application) -> AsyncIterator[str]:
    """Serve on a free port until the block is left."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(
            create_asgi(application),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        running = asyncio.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        application.hub.stop()
        server.should_exit = True
        await running
