"""A whole application with two workspaces and a key of every role in each, asked as an attacker asks it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cdp.access.keys import create_key
from cdp.access.scopes import KeyRole
from cdp.app import Application, create_asgi
from cdp.model import WorkspaceId
from cdp.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Side:
    """One workspace, with its keys."""

    client: httpx.AsyncClient
    workspace_id: WorkspaceId
    keys: dict[str, str]

    async def post(self, document: str, *, role: str | None = "ADMIN", **variables: Any) -> httpx.Response:
        """A GraphQL request; with no role, without a key."""
        return await self.client.post(
            "/graphql",
            # In ASCII, which can spell what UTF-8 cannot.
            content=json.dumps({"query": document, "variables": variables}),
            headers={
                "Content-Type": "application/json",
                **({} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}),
            },
        )

    async def ask(self, document: str, *, role: str = "ADMIN", **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        answer: dict[str, Any] = (await self.post(document, role=role, **variables)).json()
        return answer

    async def data(self, document: str, *, role: str = "ADMIN", **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self.ask(document, role=role, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def codes(self, document: str, *, role: str = "ADMIN", **variables: Any) -> list[str]:
        """The codes of an answer's errors."""
        answer = await self.ask(document, role=role, **variables)
        return [error["extensions"]["code"] for error in answer.get("errors", ())]

    async def send(self, body: bytes | list[dict[str, Any]], *, role: str = "INGEST") -> httpx.Response:
        """A batch to the tracking API."""
        content = body if isinstance(body, bytes) else json.dumps({"batch": body}).encode()
        return await self.client.post("/v1/batch", content=content, headers={"X-Write-Key": self.keys[role]})

    async def tell(self, *items: dict[str, Any]) -> None:
        """Events, all of which are stored."""
        answer = await self.send(list(items))
        assert answer.json() == {"success": True, "accepted": len(items), "refused": []}


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Application]:
    settings = Settings(database_url=database_url, pool_size=4, flush_delay_ms=0.1)
    async with Application.open(settings, clock=lambda: NOW) as application:
        yield application


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_asgi(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def _side(application: Application, client: httpx.AsyncClient, workspace_id: WorkspaceId) -> Side:
    keys = {
        role.value: await create_key(application.database, workspace_id, role.value, role.value.lower())
        for role in KeyRole
    }
    return Side(client, workspace_id, keys)


@pytest.fixture
async def ours(application: Application, client: httpx.AsyncClient, workspace: WorkspaceId) -> Side:
    """The workspace that attacks."""
    return await _side(application, client, workspace)


@pytest.fixture
async def theirs(application: Application, client: httpx.AsyncClient, other_workspace: WorkspaceId) -> Side:
    """The one that must stay unseen."""
    return await _side(application, client, other_workspace)


def track(who: str, event: str, **more: Any) -> dict[str, Any]:
    """A track call."""
    return {"type": "track", "userId": who, "event": event, **more}


async def plant_background(application: Application, workspace_id: WorkspaceId) -> None:
    """A job that waits, one that failed, and a change that could not be told, each of which says `canary`."""
    async with application.database.connection(workspace_id) as connection:
        for state in ("WAITING", "FAILED"):
            await connection.execute(
                """
                INSERT INTO job (workspace_id, plugin, name, state, started_by, created_at, due_at, retry_at, input,
                                 message, error)
                VALUES ($1, 'canary', 'canary', $2, 'canary', $3, $3, $3, '{"a": "canary-pii"}', 'canary-intent',
                        'canary-usage')
                """,
                workspace_id,
                state,
                NOW,
            )
        await connection.execute(
            """
            INSERT INTO change_delivery (workspace_id, plugin, profile_id, hook, subject, about, state, attempts,
                                         noted_at, due_at, error, failed_at)
            SELECT $1, 'canary', min(profile_id), 'on_stage_changed', '', '{}', 'DEAD', 9, $2, $2,
                   'canary-pii canary-intent canary-usage', $2
            FROM profile WHERE workspace_id = $1
            """,
            workspace_id,
            NOW,
        )
