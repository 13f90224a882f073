"""Plugins that call back into the API of the server that calls them."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from types import SimpleNamespace
from typing import Any

import uvicorn

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import Candidate, Lens, PersonalisationRequest, WorkspaceId
from cdp.settings import Settings

ASK = '{ profile(identifier: {kind: "user_id", value: "ada"}) { personalisation(slot: "home") { variant } } }'


async def test_a_plugin_that_calls_back_into_the_api_stops_nobody(
    database_url: str, workspace: WorkspaceId
) -> None:
    """It is answered as anybody is; one that asks what asks it again comes to its deadline, and to nothing else."""
    at: dict[str, str] = {}
    asked: list[str] = []

    def ask(path: str, **body: object) -> Any:
        headers = {"Authorization": f"Bearer {at['key']}", "Content-Type": "application/json"}
        request = urllib.request.Request(at["url"] + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def harmless(request: PersonalisationRequest) -> list[Candidate]:
        name = ask("/graphql", query="{ workspace { name } }")["data"]["workspace"]["name"]
        return [Candidate(variant=f"for {name}", content={}, lens=Lens.NONE, reason="the API said so")]

    def endless(request: PersonalisationRequest) -> None:
        asked.append(request.slot)
        ask("/graphql", query=ASK)

    plugins = Plugins(deadline=1.0, threads=2)
    plugins.register(SimpleNamespace(propose_personalisation=hookimpl(harmless)), name="harmless")
    plugins.register(SimpleNamespace(choose_personalisation=hookimpl(endless)), name="endless")
    assert plugins.left_out() == frozenset()
    settings = Settings(database_url=database_url, pool_size=4, flush_delay_ms=0.1)
    async with Application.open(settings, plugins=plugins) as application:
        at["key"] = await create_key(application.database, workspace, "ADMIN", "ADMIN")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            at["url"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
            config = uvicorn.Config(create_asgi(application), lifespan="off", log_config=None)
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            running = asyncio.create_task(server._serve([listener]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            try:
                event = {"type": "identify", "messageId": "1", "userId": "ada", "traits": {"plan": "pro"}}
                await asyncio.to_thread(ask, "/v1/batch", batch=[event])
                asking = [asyncio.to_thread(ask, "/graphql", query=ASK) for _ in range(2)]
                *shown, name = await asyncio.gather(
                    *asking, asyncio.to_thread(ask, "/graphql", query="{ workspace { name } }")
                )
            finally:
                server.should_exit = True
                await running
    variant = f"for {name['data']['workspace']['name']}"
    assert [one["data"]["profile"]["personalisation"]["variant"] for one in shown] == [variant] * 2
    assert len(asked) >= 2
    health = {one.name: one.hooks[0] for one in plugins.health()}
    assert health["endless"].timeouts >= 2
    assert (health["harmless"].timeouts, health["harmless"].failures) == (0, 0)
