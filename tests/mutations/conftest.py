"""A whole application on a fresh database, asked over HTTP as its clients ask it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class TestClock:
    """A clock that stands until it is told to go on, so that whole answers can be compared."""

    __test__ = False

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(slots=True)
class Api:
    """GraphQL over HTTP with one key."""

    client: httpx.AsyncClient
    key: str

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, errors and all."""
        response = await self.client.post(
            "/graphql",
            # In ASCII, which can spell what UTF-8 cannot.
            content=json.dumps({"query": document, "variables": variables}),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def run(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self.ask(document, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, name: str, selection: str, given: dict[str, Any]) -> dict[str, Any]:
        """The payload of one mutation."""
        kind = name[0].upper() + name[1:] + "Input"
        document = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {selection} }} }}"
        payload: dict[str, Any] = (await self.run(document, input=given))[name]
        return payload

    async def ingest(self, *events: dict[str, Any], **batch: Any) -> dict[str, Any]:
        """Store events; none may be refused."""
        payload = await self.mutate(
            "eventsIngest",
            "accepted duplicates results { index status code message messageId } userErrors { code field message }",
            {"events": list(events), **batch},
        )
        assert payload["userErrors"] == []
        assert all(result["status"] != "REFUSED" for result in payload["results"]), payload
        return payload

    async def person(self, kind: str, value: str, selection: str = "id") -> Any:
        """The profile of an identifier."""
        document = f"query ($of: IdentifierInput!) {{ profile(identifier: $of) {{ {selection} }} }}"
        return (await self.run(document, of={"kind": kind, "value": value}))["profile"]


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def application(database_url: str, clock: TestClock) -> AsyncIterator[Application]:
    settings = Settings(database_url=database_url, pool_size=4, flush_delay_ms=0.1)
    async with Application.open(settings, clock=clock) as application:
        yield application


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_asgi(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


Asking = Callable[..., Awaitable[Api]]


@pytest.fixture
def asking(client: httpx.AsyncClient, database: Database, workspace: WorkspaceId) -> Asking:
    """Asks with a new key of a role."""

    async def ask(role: str, *, of: WorkspaceId = workspace, name: str | None = None) -> Api:
        return Api(client, await create_key(database, of, role, name or role.lower()))

    return ask


@pytest.fixture
async def api(asking: Asking) -> Api:
    """GraphQL as an administrator."""
    return await asking("ADMIN")
