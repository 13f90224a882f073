"""The guide's examples of fields, queries, mutations, routes and commands work, together in one application."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.cli import run
from cdp.hooks.loading import in_folder
from cdp.hooks.manager import Plugins
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from cdp.settings import Settings

pytestmark = pytest.mark.usefixtures("logs_as_before")

GUIDE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HOOKS = ("fields", "queries", "mutations", "routes", "commands")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Each example as a plugin of its own, called after what it registers."""
    for hook in HOOKS:
        pattern = rf"^### register_{hook}\(\)$.*?```python\n(.*?)```"
        found = re.search(pattern, GUIDE, flags=re.DOTALL | re.MULTILINE)
        assert found is not None
        (tmp_path / f"my_{hook}.py").write_text(found[1], encoding="utf-8")
    return tmp_path


@pytest.fixture
async def client(database_url: str, workspace: WorkspaceId, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key that may do everything."""
    plugins = Plugins()
    plugins.add(in_folder(folder))
    assert plugins.left_out() == frozenset()
    settings = Settings(database_url=database_url, pool_size=2, flush_delay_ms=0.1)
    async with Application.open(settings, plugins=plugins) as application:
        key = await create_key(application.database, workspace, "ADMIN", "admin")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_asgi(application)),
            base_url="http://guide",
            headers={"Authorization": f"Bearer {key}"},
        ) as opened:
            yield opened


async def ask(client: httpx.AsyncClient, document: str, **variables: Any) -> Any:
    answer = (await client.post("/graphql", json={"query": document, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture
def in_the_environment(database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands go by."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CDP_PLUGINS_DIR", str(folder))


@pytest.mark.usefixtures("in_the_environment")
async def test_the_examples_of_what_extends_the_surface_work(
    client: httpx.AsyncClient, workspace: WorkspaceId, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mutation and a webhook bring people; fields, a query and a command tell of them."""
    visit = """mutation ($in: VisitRecordInput!) {
      visitRecord(input: $in) { result userErrors { field message } } }"""
    done = {"visitRecord": {"result": True, "userErrors": []}}
    for _ in range(2):
        assert await ask(client, visit, **{"in": {"userId": "ada", "number": 1}}) == done
    wrong = {"field": ["input", "number"], "message": "Visits are counted from 1."}
    assert await ask(client, visit, **{"in": {"userId": "ada", "number": 0}}) == {
        "visitRecord": {"result": None, "userErrors": [wrong]}
    }

    configure = (
        "mutation ($in: PluginConfigureInput!) { pluginConfigure(input: $in) { userErrors { code } } }"
    )
    await ask(client, configure, **{"in": {"plugin": "my_routes", "settings": {"secret": SECRET}}})
    body = json.dumps({"user_id": "bob", "subject": "Help"})
    address = f"/plugins/my_routes/{encode_id('Workspace', workspace)}/tickets"
    answer = await client.post(address, content=body, headers=signed(body))
    assert answer.status_code == 202
    assert (await client.post(address, content=body)).status_code == 401

    found = await ask(
        client, "{ profiles { nodes { id rhythm { days regular } timeline { totalCount } } } newestPeople }"
    )
    people = found["profiles"]["nodes"]
    assert sorted(found["newestPeople"]) == sorted(one["id"] for one in people)
    assert [one["timeline"]["totalCount"] for one in people] == [1, 1]
    assert sorted(one["rhythm"]["days"] for one in people) == [0, 1]
    group = """mutation { eventsIngest(input: { events: [
      { type: GROUP, userId: "ada", groupId: "works", traits: { segment: "mid" } }] }) { userErrors { code } } }"""
    await ask(client, group)
    assert await ask(client, "{ accounts { nodes { segment } } }") == {
        "accounts": {"nodes": [{"segment": "mid"}]}
    }

    capsys.readouterr()
    command = ["my-commands", "greet", "Ada", "--loud", "--workspace", "Acme"]
    assert await asyncio.to_thread(run, command) == 0
    assert capsys.readouterr().out.endswith("HELLO ADA, 2 PEOPLE ARE IN ACME.\n")


def signed(body: str) -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
