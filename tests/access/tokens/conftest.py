"""A workspace that trusts an issuer, and what tells whose its tokens are, by clocks that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from cdp.access import create_key
from cdp.access.principals import operator
from cdp.access.tokens import Issuer, KeySets, TokenBearer, define_issuer, own_audience
from cdp.app import Application, create_asgi
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.outbound import Outbound, read_networks
from cdp.settings import Settings
from tests.access.tokens.oidc import NOW, Oidc, serving

READ = frozenset({"profiles:read", "intent:read", "usage:read"})


@dataclass
class Clock:
    """Seconds and a date that move only when told to."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def oidc() -> AsyncIterator[Oidc]:
    async with serving() as oidc:
        yield oidc


@pytest.fixture
async def keysets(clock: Clock) -> AsyncIterator[KeySets]:
    http = Outbound(allowed=read_networks("127.0.0.0/8"), seconds=2, most_bytes=64 * 1024)
    keysets = KeySets(http, monotonic=clock.monotonic)
    yield keysets
    await keysets.aclose()


@pytest.fixture
def bearer(database: Database, keysets: KeySets, clock: Clock) -> TokenBearer:
    return TokenBearer(database, keysets, clock=clock.now, monotonic=clock.monotonic)


async def trust(database: Database, workspace_id: WorkspaceId, url: str, **more: Any) -> Issuer:
    """Trust an issuer, by default with scopes that it claims by name."""
    given = {"name": "idp", "audience": own_audience(workspace_id), "scopes": READ} | more
    async with database.transaction(workspace_id) as connection:
        return await define_issuer(
            connection,
            operator(workspace_id),
            Issuer(workspace_id=workspace_id, url=url, **given),
            any_audience=True,
            now=NOW,
        )


@pytest.fixture
async def issuer(database: Database, workspace: WorkspaceId, oidc: Oidc) -> Issuer:
    return await trust(database, workspace, oidc.url)


@dataclass
class Api:
    client: httpx.AsyncClient
    admin: str
    audience: str
    bearer: TokenBearer

    def a_second_passes(self) -> None:
        """What is remembered for a second is forgotten."""
        self.bearer.issuers.good.clear()
        self.bearer.issuers.bad.clear()

    async def ask(
        self, document: str, *, token: str | None = None, purpose: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token or self.admin}"}
        if purpose is not None:
            headers["X-Purpose"] = purpose
        answer = await self.client.post(
            "/graphql", json={"query": document, "variables": variables}, headers=headers
        )
        found: dict[str, Any] = answer.json()
        return found

    async def mutate(
        self, document: str, *, token: str | None = None, purpose: str | None = None, **given: Any
    ) -> dict[str, Any]:
        answer = await self.ask(document, token=token, purpose=purpose, input=given)
        assert "errors" not in answer, answer
        (payload,) = answer["data"].values()
        return dict(payload)

    async def codes(self, document: str, token: str) -> list[str]:
        return [
            one["extensions"]["code"] for one in (await self.ask(document, token=token)).get("errors", ())
        ]


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Application]:
    settings = Settings(
        database_url=database_url, pool_size=4, flush_delay_ms=0.1, outbound_allow="127.0.0.0/8"
    )
    async with Application.open(settings, clock=lambda: NOW) as application:
        yield application


@pytest.fixture
async def api(application: Application, workspace: WorkspaceId) -> AsyncIterator[Api]:
    admin = await create_key(application.database, workspace, "ADMIN", "admin")
    transport = httpx.ASGITransport(app=create_asgi(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        bearer = application.authenticator._bearers[-1]
        assert isinstance(bearer, TokenBearer)
        yield Api(client, admin, own_audience(workspace), bearer)
