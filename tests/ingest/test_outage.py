"""PostgreSQL goes away in the middle and comes back: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from cdp.access.authenticator import Authenticator
from cdp.access.key_bearer import KeyBearer
from cdp.access.keys import create_key
from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.web.metrics import Metrics
from cdp.workspaces import store as workspaces
from tests.ingest.parts import NOON, Ingest, open_ingest, stored_ids
from tests.web.parts import Parts, app_of

SENDERS = 4
# Batches of each sender before the crash, and at least so many in all.
ROUNDS = 8

# The processes are killed, not the machine: what was committed is in the system's memory.
KILLED = {"fsync": "off"}


UNAVAILABLE = {"code": "UNAVAILABLE", "message": "The server cannot do this just now; try again in a moment."}


class Server:
    """A PostgreSQL of this test's own, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres.start(folder, settings=KILLED)

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        stop = ("pg_ctl", "stop", "--mode", "immediate", "--silent", "-D", str(self.folder / "pg"))
        await asyncio.to_thread(self.postgres._binaries.run, *stop, cwd=self.folder)
        await asyncio.to_thread(self.postgres.stop)

    async def start(self) -> None:
        self.postgres = await asyncio.to_thread(EmbeddedPostgres.start, self.folder, settings=KILLED)


@pytest.fixture
async def server(data_folder: Path) -> AsyncIterator[Server]:
    server = await asyncio.to_thread(Server, data_folder)
    await migrate.apply(server.postgres.owner_url)
    yield server
    await asyncio.to_thread(server.postgres.stop)


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    database = await Database.connect(server.postgres.app_url, max_size=4)
    yield database
    await database.close()


def web(ingest: Ingest, metrics: Metrics) -> Starlette:
    return app_of(
        Parts(
            database=ingest.database,
            authenticator=Authenticator([KeyBearer(ingest.database, clock=lambda: NOON)]),
            intake=ingest.intake,
            metrics=metrics,
            clock=lambda: NOON,
        )
    )


async def test_nothing_acknowledged_is_lost_when_postgresql_is_killed(
    server: Server, database: Database
) -> None:
    """Clients send through a crash; they see 503 with Retry-After, come again, and every message counts once."""
    workspace = await workspaces.create(database, "Acme")
    key = await create_key(database, workspace, "INGEST", "sdk")
    metrics = Metrics()
    async with open_ingest(database, observer=metrics) as ingest:
        transport = httpx.ASGITransport(web(ingest, metrics))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://cdp.test", auth=(key, "")
        ) as client:
            acknowledged: list[str] = []
            away, back = asyncio.Event(), asyncio.Event()

            async def send(sender: int) -> None:
                for number in count():
                    if number >= ROUNDS and back.is_set():
                        break
                    ids = [f"{sender}-{number}-{item}" for item in range(5)]
                    items = [
                        {"type": "track", "event": "E", "userId": f"u{sender}", "messageId": one}
                        for one in ids
                    ]
                    while True:
                        answer = await client.post("/v1/batch", content=json.dumps({"batch": items}))
                        if answer.status_code == 200:
                            acknowledged.extend(ids)
                            break
                        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                        assert answer.json() == UNAVAILABLE
                        away.set()
                        await back.wait()
                    if number == ROUNDS and sender == 0:
                        killing.set()

            killing = asyncio.Event()
            senders = [asyncio.create_task(send(sender)) for sender in range(SENDERS)]
            await killing.wait()
            await server.kill()
            await away.wait()
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
            refused_while_away = await client.post("/v1/batch", content=b"{malformed")
            assert refused_while_away.status_code == 503
            await server.start()
            back.set()
            await asyncio.gather(*senders)
            assert (await client.get("/readyz")).status_code == 200
    assert await stored_ids(database, workspace) == sorted(acknowledged)
    assert len(set(acknowledged)) == len(acknowledged) >= SENDERS * ROUNDS * 5


async def test_a_database_that_is_away_at_the_start_is_one_clear_error(data_folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL cannot be reached at .* is it running\?"):
        await Database.connect(f"postgresql://app:secret@/diptych?host={data_folder}&port=5432")
