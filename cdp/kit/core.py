"""A running core to try plugins on: everything that a server has, but for the sockets, with a clock that can be set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from starlette.types import ASGIApp

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.demo.load import B2B, load
from cdp.hooks.manager import Plugins
from cdp.kit.asgi import Answer, ask
from cdp.kit.clock import Clock
from cdp.kit.databases import DatabaseUrls
from cdp.kit.recording import HookCalls
from cdp.model import WorkspaceId
from cdp.settings import Settings
from cdp.tables import apply, wanted
from cdp.workspaces import store

T = TypeVar("T")

_CONFIGURE = """mutation ($plugin: String!, $settings: JSON!) {
  pluginConfigure(input: {plugin: $plugin, settings: $settings}) { userErrors { message } }
}"""
_ENABLE = "mutation ($plugin: String!) { pluginEnable(input: {plugin: $plugin}) { userErrors { message } } }"
_DISABLE = (
    "mutation ($plugin: String!) { pluginDisable(input: {plugin: $plugin}) { userErrors { message } } }"
)
_CATALOGUE = 50
"""Chunks of history that a changed catalogue is applied to at most before a test goes on."""


class Failed(AssertionError):
    """The core refused something that was to succeed; `errors` are what it said."""

    def __init__(self, what: str, errors: Sequence[Any]) -> None:
        super().__init__(f"{what}: {msgspec.json.encode(list(errors)).decode()}")
        self.errors = errors


class Core:
    """One workspace of a running core; everything is asked as clients ask it, and waits for the answer.

    `clock` is what the core goes by, `calls` is what plugins were asked and answered.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        application: Application,
        app: ASGIApp,
        workspace_id: WorkspaceId,
        clock: Clock,
        calls: HookCalls,
    ) -> None:
        self._loop = loop
        self._application = application
        self._app = app
        self._workspace_id = workspace_id
        self._keys: dict[str, str] = {}
        self._sent = 0
        self.clock = clock
        self.calls = calls

    @property
    def left_out(self) -> Mapping[str, str]:
        """Plugins that could not be loaded, and why."""
        return {one.name: one.error for one in self._application.plugins.health() if one.error is not None}

    @property
    def workspace_id(self) -> int:
        """The number of the workspace, as routes without a key have it in their address."""
        return self._workspace_id

    def ingest(self, *events: Mapping[str, Any]) -> None:
        """Send events as a tracking SDK does; they are stored and visible when this returns.

        Each is an object of the tracking API: `{"type": "track", "userId": "ada", "event": "Signed In"}`. What has no
        `messageId` gets one, what has no `timestamp` happens now, by the clock.

        Raises:
            Failed: one of them was refused.
        """
        batch = []
        for event in events:
            self._sent += 1
            batch.append({"messageId": f"kit-{self._sent}", "timestamp": self.clock.now.isoformat(), **event})
        answer = self.request("POST", "/v1/batch", key="INGEST", json={"batch": batch})
        said = answer.json()
        if answer.status != 200 or said.get("refused"):
            raise Failed("An event was refused", said.get("refused") or [said])

    def query(self, document: str, *, role: str = "ADMIN", **variables: Any) -> Any:
        """The data that GraphQL answers to a query or a mutation, asked with a key of the role.

        Raises:
            Failed: there is an error in the answer; `errors` has it.
        """
        said = self.answer(document, role=role, **variables)
        if said.get("errors"):
            raise Failed("The query has errors", said["errors"])
        return said["data"]

    def answer(self, document: str, *, role: str = "ADMIN", **variables: Any) -> dict[str, Any]:
        """The whole answer of GraphQL, `errors` and all."""
        body = {"query": document, "variables": variables}
        answer: dict[str, Any] = self.request("POST", "/graphql", key=role, json=body).json()
        return answer

    def settle(self) -> None:
        """Do all that is due after events: resolve roles, enrich, tell plugins of changes, run their jobs."""
        self._run(self._settle())

    def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        json: Any = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request over HTTP, such as one to a plugin's route; `key` is the role of the key that it brings."""
        given = {"accept": "application/json", **(headers or {})}
        if json is not None:
            given["content-type"] = "application/json"
            body = msgspec.json.encode(json)
        if key is not None:
            given["authorization"] = f"Bearer {self.key(key)}"
        return self._run(ask(self._app, method, path, headers=given, body=body))

    def key(self, role: str) -> str:
        """A key of the workspace with this role, such as `SALES`; the same one every time."""
        if role not in self._keys:
            made = create_key(self._application.database, self._workspace_id, role, f"kit {role}")
            self._keys[role] = self._run(made)
        return self._keys[role]

    def demo(self, *accounts: str) -> None:
        """Bring in the demo's data of these accounts, moved to the day that it is, and go on in its workspace.

        The people are those of `cdp demo`: an account is named by its id in the CRM.
        """
        self._run(self._load(accounts))
        self._keys.clear()

    def configure(self, plugin: str, **settings: Any) -> None:
        """Set settings of a plugin for the workspace, and turn it on.

        Raises:
            Failed: there is no such plugin, or no such setting; the message says so.
        """
        if settings:
            self._decide(_CONFIGURE, "pluginConfigure", plugin=plugin, settings=settings)
        self._decide(_ENABLE, "pluginEnable", plugin=plugin)

    def disable(self, plugin: str) -> None:
        """Turn a plugin off for the workspace.

        Raises:
            Failed: there is no such plugin.
        """
        self._decide(_DISABLE, "pluginDisable", plugin=plugin)

    def _decide(self, document: str, field: str, **variables: Any) -> None:
        errors = self.query(document, **variables)[field]["userErrors"]
        if errors:
            raise Failed(f"{field} failed", errors)
        self._loop.call_soon_threadsafe(self._application.workspaces.forget, self._workspace_id)

    async def _load(self, accounts: Sequence[str]) -> None:
        await load(self._application, lambda *_: None, names=(B2B,), only=accounts)
        self._workspace_id = await store.by_name(self._application.database, B2B)

    async def _settle(self) -> None:
        worker = self._application.worker
        for _ in range(_CATALOGUE):
            busy = await worker.reclassify_once()
            while await worker.settle_once():
                busy = True
            await self._application.background.work_off()
            if not busy and not await worker.chore_once():
                return

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def running(
    database: DatabaseUrls,
    *,
    plugins: Mapping[str, object] | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    loaded: Plugins | None = None,
    http: object = None,
) -> Iterator[Core]:
    """A core on a fresh database, with a workspace, for as long as the block lasts.

    Args:
        database: migrated and empty.
        plugins: by name, modules or objects to load besides.
        settings: of the process, but for its database.
        clock: what it goes by; None: one that stands at noon of 15 January 2026.
        loaded: the other plugins; None: those that are installed, and those in the folder that the settings name.
        http: what plugins are given for `http`; None: what a server gives them.

    Raises:
        Misconfigured: two plugins contradict each other.
    """
    given = replace(settings or Settings(), database_url=database.app, pool_size=4, flush_delay_ms=0.1)
    loaded = Plugins.load(given) if loaded is None else loaded
    for name, plugin in (plugins or {}).items():
        loaded.register(plugin, name=name, source="this test")
    clock = clock or Clock()
    calls = HookCalls({} if http is None else {"http": http})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="diptych-core", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    stack = AsyncExitStack()
    try:
        yield run(stack.enter_async_context(_opened(given, database, loaded, clock, calls)))
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def _opened(
    settings: Settings,
    urls: DatabaseUrls,
    plugins: Plugins,
    clock: Clock,
    calls: HookCalls,
) -> Any:
    plugins.runner.hearing = calls.heard
    if files := wanted(plugins):
        await apply(urls.owner, files)
    async with Application.open(settings, clock=clock, plugins=plugins) as application:
        await application.worker.keep_house()
        workspace_id = await store.create(application.database, "acme")
        yield Core(
            loop=asyncio.get_running_loop(),
            application=application,
            app=create_asgi(application),
            workspace_id=workspace_id,
            clock=clock,
            calls=calls,
        )
