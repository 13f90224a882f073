"""The disk is full, or slow."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import httpx

from cdp.access.authenticator import Authenticator
from cdp.access.key_bearer import KeyBearer
from cdp.access.keys import create_key
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.web.metrics import Metrics
from tests.conftest import make_workspace
from tests.faults.conftest import Disk
from tests.faults.parts import a_visit, assert_once_and_right, submit
from tests.ingest.parts import NOON, event, open_ingest, stored_ids
from tests.web.parts import Parts, app_of

SLOW_MS = 50
SENDERS = 200


async def test_while_the_disk_is_full_nothing_is_acknowledged_and_afterwards_everything_is_there_once(
    disk: Disk, database: Database, workspace: WorkspaceId
) -> None:
    """Senders get 503 with Retry-After and come again; what is read is right all the time."""
    key = await create_key(database, workspace, "INGEST", "sdk")
    long = {"batch": [_long_call(number) for number in range(20)]}
    async with open_ingest(database) as ingest:
        known = a_visit("before")
        await submit(ingest, workspace, known)
        parts = Parts(
            database=database,
            authenticator=Authenticator([KeyBearer(database, clock=lambda: NOON)]),
            intake=ingest.intake,
            metrics=Metrics(),
            clock=lambda: NOON,
        )
        transport = httpx.ASGITransport(app_of(parts))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://cdp.test", auth=(key, "")
        ) as client:
            await disk.fill()
            answer = await client.post("/v1/batch", json=long)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            await assert_once_and_right(database, workspace, known)
            await disk.clear()
            while (answer := await client.post("/v1/batch", json=long)).status_code == 503:
                pass
            assert answer.status_code == 200
    everything = [one.message_id for one in known] + [item["messageId"] for item in long["batch"]]
    assert await stored_ids(database, workspace) == sorted(everything)


def _long_call(number: int) -> dict[str, object]:
    """A call that cannot be pressed into what is left of a page."""
    properties = {f"p{place}": random.Random(f"{number} {place}").random() for place in range(300)}
    return {
        "type": "track",
        "event": "E",
        "userId": "ada",
        "messageId": f"m{number}",
        "properties": properties,
    }


async def test_a_slow_disk_makes_transactions_larger_and_not_more(crashing: EmbeddedPostgres) -> None:
    """Each commit waits for the disk; those who come meanwhile wait together, and share the next one."""
    superuser = await asyncpg.connect(crashing.superuser_url)
    await superuser.execute(
        f"ALTER DATABASE diptych SET commit_delay = {SLOW_MS * 1000}; "
        "ALTER DATABASE diptych SET commit_siblings = 0"
    )
    database = await Database.connect(crashing.app_url, max_size=4)
    workspace = await make_workspace(database, "slow")
    events = [event(f"m{number}", f"u{number % 20}") for number in range(SENDERS)]
    async with open_ingest(database) as ingest:
        await asyncio.gather(*(submit(ingest, workspace, [one]) for one in events))
        assert len(ingest.observed.reports) < SENDERS / 10
        assert max(ingest.observed.queue) <= SENDERS
    await assert_once_and_right(database, workspace, events)
    await database.close()
    await superuser.execute("ALTER DATABASE diptych RESET ALL")
    await superuser.close()
