"""The HTTP side without sockets: the routes of this room on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest
from starlette.applications import Starlette

from cdp.access.keys import Authenticator, create_key
from cdp.db.pool import Database
from cdp.ingest.intake import Intake
from cdp.model import WorkspaceId
from cdp.web.errors import exception_handlers
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.tracking import tracking_routes
from tests.ingest.parts import NOON, Ingest, open_ingest


@dataclass(frozen=True, kw_only=True)
class Parts:
    database: Database
    authenticator: Authenticator
    intake: Intake
    metrics: Metrics
    clock: Callable[[], datetime]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def ingest(database: Database, metrics: Metrics) -> AsyncIterator[Ingest]:
    async with open_ingest(database, observer=metrics) as opened:
        yield opened


@pytest.fixture
async def key(database: Database, workspace: WorkspaceId) -> str:
    return await create_key(database, workspace, "INGEST", "web page")


@pytest.fixture
def app(ingest: Ingest, metrics: Metrics) -> Starlette:
    parts = Parts(
        database=ingest.database,
        authenticator=Authenticator(ingest.database, clock=lambda: NOON),
        intake=ingest.intake,
        metrics=metrics,
        clock=lambda: NOON,
    )
    return Starlette(
        routes=[*tracking_routes(parts), *health_routes(parts)],
        middleware=middleware(metrics),
        exception_handlers=exception_handlers(),
    )


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
        yield client
