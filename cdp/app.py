"""The composition root: which parts there are and who is given which."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from msgspec.structs import fields as struct_fields
from starlette.applications import Starlette
from starlette.middleware import Middleware

from cdp.access.authenticator import Authenticator
from cdp.access.guesses import Guesses
from cdp.access.key_bearer import KeyBearer
from cdp.access.last_used import LastUsed
from cdp.access.rates import Rates
from cdp.access.tokens import KeySets, TokenBearer
from cdp.access.visitors import VisitorBearer
from cdp.audit.reads import Reads
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
from cdp.plan.labels import scopes_of
from cdp.settings import Settings
from cdp.settle.background import Background
from cdp.settle.giving_way import GivingWay
from cdp.settle.life import living
from cdp.settle.worker import Worker
from cdp.telemetry import Watch
from cdp.telemetry.tracing import Traces
from cdp.web.errors import exception_handlers
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.plugged import plugged_routes
from cdp.web.room import Doorkeeper, Room
from cdp.web.siblings import Seat
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
    reads: Reads
    metrics: Metrics
    slots: Slots
    lacking: Mapping[str, Sequence[str]]
    """Files of plugins' tables that have not been applied."""
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
            lacking = await stack.enter_async_context(
                living(plugins, database, settings.database_url, clock=clock)
            )
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
            giving_way = GivingWay()
            worker = Worker(database, workspaces, plugins, clock=clock, giving_way=giving_way)
            background = Background(database, workspaces, plugins, clock=clock, giving_way=giving_way)
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
            # Keys of issuers are small, and who waits for them is a request.
            keysets = KeySets(
                Outbound(allowed=read_networks(settings.outbound_allow), seconds=5.0, most_bytes=256 * 1024)
            )
            stack.push_async_callback(keysets.aclose)
            reads = Reads(database, clock=clock)
            stack.push_async_callback(reads.aclose)
            last_used = LastUsed(ingest_database, clock=clock)
            stack.push_async_callback(last_used.aclose)
            seals = Seals(settings.seal_keys)
            visitors = VisitorBearer(ingest_database, seals, clock=clock)
            hub = Hub(database)
            metrics.watch_hub(hub)
            stack.push_async_callback(hub.aclose)
            yield cls(
                settings=settings,
                clock=clock,
                database=database,
                workspaces=workspaces,
                plugins=plugins,
                authenticator=Authenticator(
                    [
                        KeyBearer(ingest_database, declared=scopes_of(plugins.labels()), clock=clock),
                        visitors,
                        # Takes whatever looks like a token: the last one.
                        TokenBearer(ingest_database, keysets, clock=clock),
                    ],
                    guesses=Guesses(settings.wrong_keys_per_minute),
                    used=last_used.note,
                ),
                rates=Rates(
                    Limits(**{one.name: getattr(settings, one.name) for one in struct_fields(Limits)})
                ),
                accumulator=accumulator,
                intake=Intake(
                    accumulator,
                    workspaces,
                    clock=clock,
                    passage=Passage(plugins, accumulator.kinds, ingest_database),
                    seals=seals,
                    catalogue=PluginCatalogue(plugins, ingest_database, workspaces),
                    visitors=visitors,
                ),
                worker=worker,
                background=background,
                hub=hub,
                reads=reads,
                metrics=metrics,
                slots=Slots(),
                lacking=lacking,
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
