"""The HTTP side without sockets: the routes of this room on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette

from cdp.access.authenticator import Authenticator
from cdp.access.key_bearer import KeyBearer
from cdp.access.keys import create_key
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.settle import upkeep
from cdp.web.metrics import Metrics
from tests.ingest.parts import NOON, Ingest, open_ingest
from tests.web.parts import Parts, app_of


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
        authenticator=Authenticator([KeyBearer(ingest.database, clock=lambda: NOON)]),
        intake=ingest.intake,
        metrics=metrics,
        clock=lambda: NOON,
    )
    return app_of(parts)


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
        yield client


@pytest.fixture
def now() -> list[datetime]:
    """What the clock of `operated` says, to be changed; the database's own at first."""
    return [datetime.now(UTC)]


@pytest.fixture
async def operated(ingest: Ingest, metrics: Metrics, now: list[datetime]) -> AsyncIterator[httpx.AsyncClient]:
    """The same server on the day that it is, with its partitions made."""
    await upkeep.partitions(ingest.database, today=now[0].date())
    parts = Parts(
        database=ingest.database,
        authenticator=Authenticator([KeyBearer(ingest.database, clock=lambda: now[0])]),
        intake=ingest.intake,
        metrics=metrics,
        clock=lambda: now[0],
    )
    transport = httpx.ASGITransport(app_of(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
        yield client
