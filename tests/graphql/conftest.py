"""A small world, told through the real ingest path once a session, and asked over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.db.embedded import EmbeddedPostgres
from cdp.graphql.context import Context
from cdp.graphql.schema import build_schema
from cdp.identity.kinds import make_kinds
from cdp.model import WorkspaceId
from cdp.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """An application with people in it; everything is asked synchronously, on a loop of its own."""

    loop: asyncio.AbstractEventLoop
    application: Application
    client: httpx.AsyncClient
    workspace_id: WorkspaceId
    keys: dict[str, str]

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def post(self, body: Any, *, role: str | None = "ADMIN", **headers: str) -> httpx.Response:
        """What the endpoint answers."""
        if role is not None:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (str, bytes)):
            headers = {"Content-Type": "application/json", **headers}
            return self.run(self.client.post("/graphql", content=body, headers=headers))  # type: ignore[no-any-return]
        return self.run(self.client.post("/graphql", json=body, headers=headers))  # type: ignore[no-any-return]

    def ask(self, document: str, *, role: str = "ADMIN", **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        response = self.post({"query": document, "variables": variables}, role=role)
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]

    def data(self, document: str, *, role: str = "ADMIN", **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = self.ask(document, role=role, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]  # type: ignore[no-any-return]

    def errors(self, document: str, *, role: str = "ADMIN", **variables: Any) -> list[tuple[str, Any]]:
        """Code and path of an answer's errors."""
        answer = self.ask(document, role=role, **variables)
        return [(error["extensions"]["code"], error.get("path")) for error in answer.get("errors", ())]

    def execute(
        self, document: str, *, role: str = "ADMIN", completing: bool, **variables: Any
    ) -> tuple[Any, list[Any], str]:
        """Data, errors and the statement, straight from the schema, by either way out."""

        async def execute() -> tuple[Any, list[Any], str]:
            application = self.application
            context = Context(
                services=application,
                principal=await application.authenticator.authenticate(self.keys[role]),
                as_of=NOW,
                kinds=make_kinds(),
                complete_everything=completing,
            )
            result = await build_schema().execute(document, variable_values=variables, context_value=context)
            errors = [error.formatted for error in result.errors or ()]
            return result.data, errors, context.reading.plan().sql if hasattr(context, "reading") else ""

        return self.run(execute())  # type: ignore[no-any-return]

    def id_of(self, user_id: str) -> str:
        found = self.data(
            "query ($of: IdentifierInput!) { profile(identifier: $of) { id } }",
            of={"kind": "user_id", "value": user_id},
        )
        return found["profile"]["id"]  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def world(postgres: EmbeddedPostgres, template: str) -> Iterator[World]:
    """Read-only: tests that write make a workspace of their own."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    try:
        yield loop.run_until_complete(_open(stack, loop, postgres, template))
    finally:
        loop.run_until_complete(stack.aclose())
        loop.close()


async def _open(
    stack: AsyncExitStack, loop: asyncio.AbstractEventLoop, postgres: EmbeddedPostgres, template: str
) -> World:
    name = "graphql_world"
    superuser = await asyncpg.connect(_renamed(postgres.superuser_url, "postgres"))
    await superuser.execute(
        f"CREATE DATABASE {name} TEMPLATE {template} OWNER diptych_owner STRATEGY file_copy"
    )
    await superuser.close()
    settings = Settings(database_url=_renamed(postgres.app_url, name), pool_size=4, flush_delay_ms=0.1)
    application = await stack.enter_async_context(Application.open(settings, clock=lambda: NOW))
    client = await stack.enter_async_context(
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_asgi(application)), base_url="http://testserver"
        )
    )
    async with application.database.unbound() as connection:
        workspace_id = WorkspaceId(await connection.fetchval("SELECT cdp.create_workspace('Acme')"))
    keys = {
        role: await create_key(application.database, workspace_id, role, role.lower())
        for role in ("ADMIN", "SALES", "SUPPORT", "MARKETING", "INGEST", "PARTNER")
    }
    world = World(loop, application, client, workspace_id, keys)
    await _tell(world)
    return world


async def _tell(world: World) -> None:
    async def mutate(document: str, **variables: Any) -> Any:
        response = await world.client.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {world.keys['ADMIN']}"},
        )
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    for key, named in (("export", "Export"), ("share", "Sharing"), ("search", "Search"), ("api", "API")):
        await mutate(
            "mutation ($input: FeatureDefineInput!) { featureDefine(input: $input) { userErrors { message } } }",
            input={"key": key, "name": named},
        )
    answer = await world.client.post(
        "/v1/batch", json={"batch": list(_events())}, auth=(world.keys["ADMIN"], "")
    )
    assert answer.json() == {"success": True, "accepted": len(list(_events())), "refused": []}
    while await world.application.worker.settle_once():
        pass


def _events() -> Iterator[dict[str, Any]]:
    def at(days: float) -> str:
        return (NOW - timedelta(days=days)).isoformat()

    def track(who: str, name: str, days: float, /, **properties: Any) -> dict[str, Any]:
        group = properties.pop("account", None)
        return {
            "type": "track",
            "messageId": f"{who}-{name}-{days}-{sorted(properties.items())}",
            "userId": who,
            "event": name,
            "timestamp": at(days),
            "properties": properties,
            **({"context": {"groupId": group}} if group else {}),
        }

    def person(who: str, **traits: Any) -> dict[str, Any]:
        return {
            "type": "identify",
            "messageId": f"identify-{who}",
            "userId": who,
            "timestamp": at(60),
            "traits": traits,
        }

    def member(who: str, account: str, **traits: Any) -> dict[str, Any]:
        return {
            "type": "group",
            "messageId": f"group-{who}-{account}",
            "userId": who,
            "groupId": account,
            "timestamp": at(59),
            "traits": traits,
        }

    yield person(
        "ann", name="Ann Archer", email="ann@acme-works.com", plan={"name": "pro", "seats": 40}, city="Oslo"
    )
    yield member("ann", "acme", name="Acme", industry="Toys", domain="acme-works.com")
    yield track("ann", "Pricing Viewed", 9)
    yield track("ann", "Pricing Viewed", 3)
    yield track("ann", "Product Viewed", 20)
    yield track("ann", "Order Completed", 8, order_id="o-1", total="100.10", currency="eur")
    yield track("ann", "Order Completed", 2, order_id="o-2", total="49.95", currency="usd")
    yield track("ann", "Order Refunded", 1, order_id="o-1", total="0.10", currency="eur")
    yield track(
        "ann",
        "Contract Signed",
        2,
        contract_id="c-1",
        total="1200",
        currency="eur",
        renewal_date="2027-11-20",
    )

    yield person("bob", name="Bob Baker", email="bob@acme-works.com", plan={"name": "free"})
    yield member("bob", "acme")
    for day in range(15):
        yield track("bob", "Feature Used", day + 0.1, feature=("export", "share", "search")[day % 3])
    yield track("bob", "Onboarding Step Completed", 15, step="profile")
    yield track("bob", "Support Ticket Opened", 5)
    yield track("bob", "Support Ticket Opened", 4)
    yield track("bob", "Support Ticket Closed", 3)
    yield track("bob", "Invite Sent", 2)
    yield track("bob", "Feedback Submitted", 2, nps=9, csat=4.5)

    yield person("cat", name="Cat Öztürk ✓", email="cat@elsewhere-works.com")
    yield member("cat", "acme")
    yield member("cat", "globex", name="Globex")
    yield track("cat", "Order Completed", 30, order_id="g-1", total="10", currency="eur", account="globex")
    yield track("cat", "Signed In", 1, account="acme")
    yield track("cat", "Pricing Viewed", 40)

    yield person("dan", name="Dan")
    yield track("dan", "Signed In", 100)
    yield track("dan", "Something Else Entirely", 90, secret="x")
    yield {
        "type": "page", "messageId": "anon-1", "anonymousId": "visitor-1", "name": "Home", "timestamp": at(1),
        "properties": {"path": "/"},
    }  # fmt: skip
    yield track("eve", "Feature Used", 3, feature="api", account="globex")
    yield member("fay", "globex")
    for number in range(30):
        yield person(f"extra-{number:02}", name=f"Extra {number % 7}")


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
