"""A workspace whose web site shows visitors what is their own, and sends events with a key that anybody can read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cdp.access.keys import create_key
from cdp.access.visitors import NewSecret, create_secret, sign
from cdp.app import Application, create_asgi
from cdp.db.pool import Database
from cdp.ingest.seals import Seals
from cdp.model import WorkspaceId
from cdp.settings import Settings
from cdp.workspaces.change import change_settings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

OWN = "{ visitor { buyerIntent { score level purchaseCount } usage { phase activeDays } } }"


@dataclass
class Clock:
    """Moves only when told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()


async def new_secret(database: Database, workspace_id: WorkspaceId, now: datetime = NOW) -> NewSecret:
    async with database.connection(workspace_id) as connection:
        return await create_secret(connection, workspace_id, "shop", now=now, sealing=Seals())


@dataclass
class Site:
    """The web site, its server, and whoever else has read the page's key."""

    application: Application
    client: httpx.AsyncClient
    workspace_id: WorkspaceId
    secret: NewSecret
    keys: dict[str, str]
    clock: Clock

    def token(self, value: str, *, secret: NewSecret | None = None, **claims: Any) -> str:
        """A token that the site's server signs."""
        secret = secret or self.secret
        return sign(secret.secret, secret.kid, value, **{"now": self.clock.now, **claims})

    async def post(self, document: str, token: str | None, **headers: str) -> httpx.Response:
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = json.dumps({"query": document})
        return await self.client.post(
            "/graphql", content=body, headers={"Content-Type": "application/json", **authorization, **headers}
        )

    async def visitor(self, token: str, document: str = OWN) -> Any:
        """What the visitor reads."""
        answer = (await self.post(document, token)).json()
        assert "errors" not in answer, answer
        return answer["data"]["visitor"]

    async def codes(self, document: str, token: str) -> list[str]:
        answer = (await self.post(document, token)).json()
        return [error["extensions"]["code"] for error in answer.get("errors", ())]

    async def admin(self, document: str) -> Any:
        answer = (await self.post(document, self.keys["ADMIN"])).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def page(self, *items: dict[str, Any], **headers: str) -> dict[str, Any]:
        """What the page sends, or anybody with its key."""
        return await self._send(items, self.keys["INGEST"], headers)

    async def server(self, *items: dict[str, Any]) -> None:
        """What the site's server sends."""
        answer = await self._send(items, self.keys["PARTNER"], {})
        assert answer == {"success": True, "accepted": len(items), "refused": []}

    async def _send(
        self, items: tuple[dict[str, Any], ...], key: str, headers: dict[str, str]
    ) -> dict[str, Any]:
        response = await self.client.post(
            "/v1/batch", content=json.dumps({"batch": items}), headers={"X-Write-Key": key, **headers}
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def demand_proof(self) -> None:
        async with self.application.database.transaction(self.workspace_id) as connection:
            await change_settings(
                connection, self.workspace_id, {"visitor_proof_required": True}, now=self.clock.now
            )
        self.application.workspaces.forget(self.workspace_id)

    async def people(self) -> set[frozenset[str]]:
        """Identifiers of everybody, as `kind:value`."""
        async with self.application.database.connection(self.workspace_id) as connection:
            rows = await connection.fetch(
                "SELECT profile_id, array_agg(kind || ':' || value) AS known FROM node WHERE workspace_id = $1"
                " GROUP BY profile_id",
                self.workspace_id,
            )
        return {frozenset(row["known"]) for row in rows}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def application(database_url: str, clock: Clock) -> AsyncIterator[Application]:
    settings = Settings(database_url=database_url, pool_size=4, flush_delay_ms=0.1)
    async with Application.open(settings, clock=clock) as application:
        yield application


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_asgi(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def site(
    application: Application, client: httpx.AsyncClient, workspace: WorkspaceId, clock: Clock
) -> Site:
    keys = {
        role: await create_key(application.database, workspace, role, role.lower())
        for role in ("ADMIN", "INGEST", "PARTNER", "MARKETING")
    }
    secret = await new_secret(application.database, workspace)
    return Site(application, client, workspace, secret, keys, clock)


def track(event: str, **who: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, **who}


def identify(**who: Any) -> dict[str, Any]:
    return {"type": "identify", **who}
