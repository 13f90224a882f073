"""The accounts that the README tells about, loaded as `cdp demo` loads all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cdp.access.scopes import KeyRole
from cdp.app import Application, create_asgi
from cdp.demo.keys import renew_keys
from cdp.demo.load import B2B, load
from cdp.settings import Settings
from tests.demo.told import TOLD, Ask, quietly


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Application]:
    async with Application.open(Settings(database_url=database_url, pool_size=4)) as application:
        yield application


@pytest.fixture
async def ask(application: Application) -> AsyncIterator[Ask]:
    """Asks the served demo a GraphQL query and returns the whole answer."""
    await load(application, quietly, names=(B2B,), only=TOLD)
    keys = await renew_keys(application.database, B2B, now=application.clock())
    transport = httpx.ASGITransport(app=create_asgi(application))
    headers = {"Authorization": f"Bearer {keys[KeyRole.ADMIN]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://demo", headers=headers) as client:

        async def answer(query: str) -> dict[str, Any]:
            response = await client.post("/graphql", json={"query": query})
            assert response.status_code == 200, response.text
            return dict(response.json())

        yield answer
