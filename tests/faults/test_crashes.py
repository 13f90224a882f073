"""PostgreSQL's processes are killed under load."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from cdp.db.cluster import postmaster
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.model import Event
from tests.conftest import make_workspace
from tests.faults.parts import a_visit, assert_once_and_right, submit
from tests.ingest.parts import Ingest, open_ingest

VISITS = 30


@pytest.mark.parametrize("victim", ["backend", "postmaster"])
async def test_what_was_acknowledged_before_between_and_after_is_there_once(
    victim: str, crashing: EmbeddedPostgres
) -> None:
    """One backend, after which PostgreSQL restarts all of them; or all of PostgreSQL, started again by its operator."""
    database = await Database.connect(crashing.app_url, max_size=4)
    workspace = await make_workspace(database, victim)
    events: list[Event] = []
    back = asyncio.Event()

    async def track(ingest: Ingest, person: str) -> None:
        """Comes again until it is acknowledged, as SDKs do."""
        number = 0
        while number < VISITS or not back.is_set():
            visit = a_visit(f"{person}-{number}", person)
            try:
                await submit(ingest, workspace, visit)
            except Unavailable:
                await asyncio.sleep(0)
            else:
                events.extend(visit)
                number += 1

    async def kill(server: EmbeddedPostgres) -> EmbeddedPostgres:
        async with database.connection(workspace) as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
        pid = pid if victim == "backend" else postmaster(server.data_directory)
        os.kill(pid, signal.SIGKILL)
        again = await asyncio.to_thread(EmbeddedPostgres.start, server.data_directory)
        back.set()
        return again

    async with open_ingest(database) as ingest:
        people = [asyncio.create_task(track(ingest, f"p{number}")) for number in range(4)]
        again = await kill(crashing)
        await asyncio.gather(*people)
    await assert_once_and_right(database, workspace, events)
    await database.close()
    await asyncio.to_thread(again.stop)
