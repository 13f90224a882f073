"""The composition root: which parts there are and who is given which."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from typing_extensions import override

from cdp.access.keys import Authenticator
from cdp.access.rates import Rates
from cdp.db.pool import Database
from cdp.errors import Misconfigured
from cdp.hooks.manager import Plugins
from cdp.identity.kinds import make_kinds
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.intake import Intake
from cdp.ingest.passage import Passage
from cdp.ingest.seals import Seals
from cdp.live.hub import Hub
from cdp.model import Limits
from cdp.outbound import Outbound, read_networks
from cdp.personalisation.store import Slots
from cdp.settings import Settings
from cdp.settle.background import Background
from cdp.settle.health import HealthNotes
from cdp.settle.life import living
from cdp.settle.worker import Worker
from cdp.telemetry import Watch, watched_by
from cdp.telemetry.tracing import Traces
from cdp.web.connections import at_most, sweeping
from cdp.web.errors import exception_handlers
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.plugged import plugged_routes
from cdp.web.room import Doorkeeper, Room
from cdp.web.siblings import Seat, telling
from cdp.web.tracking import tracking_routes
from cdp.workspaces.cache import Workspaces
from cdp.workspaces.plugin_catalogue import PluginCatalogue

Clock = Callable[[], datetime]

INGEST_SESSION = {
    "lock_timeout": "4s",
    "statement_timeout": "7s",
    "idle_in_transaction_session_timeout": "15s",
}
"""Of the connections of ingest: a transaction that is stuck ends before its senders' patience does."""


def utc_now() -> datetime:
    """The clock of everything that is not a test."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """The parts of one process, wired; everything else is handed the parts that it uses."""

    settings: Settings
    clock: Clock
    database: Database
    workspaces: Workspaces
    plugins: Plugins
    authenticator: Authenticator
    rates: Rates
    accumulator: Accumulator
    intake: Intake
    worker: Worker
    background: Background
    hub: Hub
    metrics: Metrics
    slots: Slots
    traces: Traces | None = None

    @property
    def watch(self) -> Watch:
        """Who is told of what the parts do."""
        return Watch(self.metrics, self.traces)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, clock: Clock = utc_now, plugins: Plugins | None = None
    ) -> AsyncIterator[Application]:
        """Connect and wire; on leaving, commit what was accepted, then let go of everything.

        Args:
            settings: of the process.
            clock: the current time.
            plugins: None: those that are installed, and those in the folder of the settings.

        Raises:
            Misconfigured: the settings name no database, a plugin contradicts another, or traces are wanted and what
                sends them is not installed.
            Unavailable: the database does not answer.
        """
        if settings.database_url is None:
            raise Misconfigured("No database was given; pass --database-url or --data.")
        async with AsyncExitStack() as stack:
            traces = None
            if settings.otlp_endpoint is not None:
                traces = Traces(settings.otlp_endpoint, version=version("diptych"))
                stack.callback(traces.aclose)
            database = await Database.connect(settings.database_url, max_size=settings.pool_size)
            stack.push_async_callback(database.close)
            plugins = Plugins.load(settings) if plugins is None else plugins
            stack.push_async_callback(plugins.aclose)
            http = Outbound(
                allowed=read_networks(settings.outbound_allow),
                seconds=settings.outbound_timeout_ms / 1000,
                most_bytes=settings.outbound_bytes,
            )
            plugins.offers.register("http", lambda _plugin, _workspace_id: http)
            await stack.enter_async_context(living(plugins, database, settings.database_url, clock=clock))
            ingest_database = await Database.connect(
                settings.database_url,
                max_size=settings.ingest_pool_size,
                session=INGEST_SESSION,
            )
            stack.push_async_callback(ingest_database.close)
            workspaces = Workspaces(ingest_database)
            plugins.runner.latest = workspaces.get
            metrics = Metrics()
            metrics.watch_pools(reads=database, ingest=ingest_database)
            metrics.watch_plugins(plugins)
            worker = Worker(database, workspaces, plugins, clock=clock)
            background = Background(database, workspaces, plugins, clock=clock)
            metrics.watch_background(background, clock)
            accumulator = Accumulator(
                ingest_database,
                workspaces,
                make_kinds(*plugins.identifier_kinds()),
                settings=settings,
                clock=clock,
                metrics=metrics,
                committed=worker.wake,
            )
            metrics.watch_queue(accumulator)
            stack.push_async_callback(accumulator.aclose)
            hub = Hub(database)
            metrics.watch_hub(hub)
            stack.push_async_callback(hub.aclose)
            yield cls(
                settings=settings,
                clock=clock,
                database=database,
                workspaces=workspaces,
                plugins=plugins,
                authenticator=Authenticator(ingest_database, clock=clock),
                rates=Rates(
                    Limits(
                        requests_per_second=settings.requests_per_second,
                        events_per_second=settings.events_per_second,
                        key_requests_per_second=settings.key_requests_per_second,
                        key_events_per_second=settings.key_events_per_second,
                    )
                ),
                accumulator=accumulator,
                intake=Intake(
                    accumulator,
                    workspaces,
                    clock=clock,
                    passage=Passage(plugins, accumulator.kinds, ingest_database),
                    seals=Seals(settings.seal_keys),
                    catalogue=PluginCatalogue(plugins, ingest_database, workspaces),
                ),
                worker=worker,
                background=background,
                hub=hub,
                metrics=metrics,
                slots=Slots(),
                traces=traces,
            )


def create_asgi(application: Application, *, seat: Seat | None = None) -> Starlette:
    """The HTTP side of an open application: GraphQL, the tracking API, health and metrics.

    Args:
        application: whose.
        seat: this process's place among those that share its port; None: it is alone.

    Raises:
        Misconfigured: the trusted documents that the settings name cannot be read, or an origin is none.
    """
    # The schema is for those who serve: other commands start in half the time without it.
    from cdp.graphql.transport import graphql_routes  # noqa: PLC0415
    from cdp.graphql.trusted import read_trusted  # noqa: PLC0415

    settings = application.settings
    trusted = read_trusted(settings.trusted_documents, only=settings.trusted_documents_only)
    origins = [one for one in (settings.allowed_origins or "").replace(",", " ").split() if one]
    return Starlette(
        routes=[
            *graphql_routes(application, trusted, allowed_origins=origins),
            *tracking_routes(application),
            *plugged_routes(application),
            *health_routes(application, seat),
        ],
        middleware=[
            *middleware(application.metrics, application.traces),
            Middleware(Doorkeeper, room=Room(settings.body_bytes)),
        ],
        exception_handlers=exception_handlers(),
    )


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
        await stack.enter_async_context(noting_health(application))
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
        timeout_graceful_shutdown=20,
        http=at_most(settings.connections),
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # each socket would hold its dictionaries
    )
    server = _Server(config, stopping, noted)
    async with sweeping(lambda: server.server_state.connections):
        await server.serve(sockets=sockets)


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
        app, lifespan="off", access_log=False, log_config=None, timeout_graceful_shutdown=1
    )
    server = _Quiet(config)
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
