"""Processes: how an application serves over HTTP, settles beside that, and stops without losing anything."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from uuid import uuid4

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from typing_extensions import override

from cdp.access.sharing import sharing
from cdp.app import Application, create_asgi
from cdp.settings import Settings
from cdp.settle.health import HealthNotes
from cdp.telemetry import watched_by
from cdp.web.connections import at_most, sweeping
from cdp.web.health import health_routes
from cdp.web.middleware import middleware
from cdp.web.siblings import Seat, telling

log = structlog.get_logger(__name__)

WATCHERS = 50
"""Connections of those who ask a worker how it does."""


async def run_server(
    settings: Settings,
    *,
    sockets: list[socket.socket] | None = None,
    seat: Seat | None = None,
    noted: Sequence[int] = (),
) -> None:
    """Serve, and settle unless the settings say otherwise, until the process is asked to stop.

    In-flight requests finish and every accepted event is committed before this returns. `noted` are the signals that
    came before the server listened to any: it ends as soon as it has begun.
    """
    async with Application.open(settings) as application, AsyncExitStack() as stack:
        app = create_asgi(application, seat=seat)
        _say_what_is_lacking(application)
        await stack.enter_async_context(noting_health(application))
        await stack.enter_async_context(sharing(application.rates, application.database))
        if seat is not None:
            await stack.enter_async_context(telling(seat, application.metrics.families))
        if settings.worker:
            await stack.enter_async_context(settling(application))
        calm_collector()
        await answering(settings, app, stopping=application.hub.stop, sockets=sockets, noted=noted)


async def answering(
    settings: Settings,
    app: ASGIApp,
    *,
    stopping: Callable[[], None],
    sockets: list[socket.socket] | None,
    noted: Sequence[int] = (),
) -> None:
    """Answer over HTTP with `app` until the process is asked to stop; `stopping` is to end its streams and sockets."""
    from cdp.graphql.socket import LARGEST_MESSAGE  # noqa: PLC0415 - see create_asgi

    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=20,
        http=at_most(settings.connections),
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # each socket would hold its dictionaries
    )
    server = _Server(config, stopping, noted)
    async with sweeping(lambda: server.server_state.connections):
        await server.serve(sockets=sockets)


def _say_what_is_lacking(application: Application) -> None:
    for plugin, files in application.lacking.items():
        log.warning("plugin_tables_lacking", plugin=plugin, files=files, remedy="cdp tables migrate")


def calm_collector() -> None:
    """Have Python look for garbage in circles seldom, and only among what was made since.

    With what is loaded out of the way a full collection, which holds up every request, takes no time to speak of; it
    took a tenth of a second. What events are made of is no garbage while they are stored, and goes by itself
    afterwards: looking at it after every 700 objects took a quarter of ingest's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """A server whose streams and sockets end when it stops; nothing else would end them."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None], noted: Sequence[int]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._noted = noted

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            self.should_exit = self.should_exit or bool(self._noted)
            yield

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        # They say goodbye by themselves; what uvicorn would send in their name comes after.
        await asyncio.sleep(0.05)
        await super().shutdown(sockets)


async def run_worker(
    settings: Settings, *, stop: asyncio.Event, listener: socket.socket | None = None
) -> None:
    """Settle only, until `stop` is set; tell those who connect to `listener` how that goes."""
    async with AsyncExitStack() as stack:
        application = await stack.enter_async_context(Application.open(settings))
        _say_what_is_lacking(application)
        await stack.enter_async_context(noting_health(application))
        if listener is not None:
            await stack.enter_async_context(telling_health(application, listener))
        await stack.enter_async_context(settling(application))
        calm_collector()
        await stop.wait()


@asynccontextmanager
async def telling_health(application: Application, listener: socket.socket) -> AsyncIterator[None]:
    """Answer `/healthz`, `/readyz` and `/metrics` alone, for as long as the block lasts."""
    app = Starlette(routes=health_routes(application), middleware=middleware(application.metrics))
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        http=at_most(WATCHERS),
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = _Quiet(config)
    async with sweeping(lambda: server.server_state.connections):
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await running


class _Quiet(uvicorn.Server):
    """A server beside the work of a process, whose signals are not its business."""

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def settling(application: Application) -> AsyncIterator[None]:
    """Run the application's worker for as long as the block lasts; what it holds is finished before leaving."""
    with watched_by(application.watch):
        running = asyncio.create_task(application.worker.run())
        beside = asyncio.create_task(application.background.run())
    try:
        yield
    finally:
        await asyncio.gather(application.worker.aclose(), application.background.aclose())
        await asyncio.gather(running, beside)


@asynccontextmanager
async def noting_health(application: Application) -> AsyncIterator[None]:
    """Note how this process's plugins do for as long as the block lasts, for `cdp plugins` to tell."""
    notes = HealthNotes(application.database, application.plugins, uuid4(), clock=application.clock)
    running = asyncio.create_task(notes.run())
    try:
        yield
    finally:
        notes.aclose()
        await running
