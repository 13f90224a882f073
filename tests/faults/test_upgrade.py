"""Servers of the old version run on while the schema changes under them."""

from __future__ import annotations

import asyncio
from itertools import count

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.model import Event, WorkspaceId
from tests.conftest import DatabaseUrls
from tests.faults.parts import a_visit, assert_once_and_right, submit
from tests.ingest.parts import open_ingest

TABLES = (
    "event", "event_message", "node", "link", "profile", "account", "account_trait", "membership",
    "membership_evidence", "summary_tally", "summary_day", "summary_register", "summary_order", "settlement",
)  # fmt: skip


async def test_an_old_server_stores_on_through_a_migration_that_adds(
    database_urls: DatabaseUrls, database: Database, workspace: WorkspaceId
) -> None:
    """Every table that ingest writes gets a column and an index, one after the other, while events keep coming."""
    owner = await asyncpg.connect(database_urls.superuser)
    events: list[Event] = []
    migrated = asyncio.Event()

    async def migrate() -> None:
        for table in TABLES:
            async with owner.transaction():
                await owner.execute(f"ALTER TABLE {table} ADD COLUMN added text NOT NULL DEFAULT 'new'")
                await owner.execute(f"CREATE INDEX {table}_added ON {table} (workspace_id, added)")
        migrated.set()

    async with open_ingest(database) as ingest:

        async def track(person: str) -> None:
            for number in count():
                visit = a_visit(f"{person}-{number}", person)
                await submit(ingest, workspace, visit)
                events.extend(visit)
                if migrated.is_set():
                    return

        await asyncio.gather(migrate(), track("ada"), track("bob"), track("cyd"))
        await track("ada again")
    await owner.close()
    await assert_once_and_right(database, workspace, events)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("ALTER TABLE event RENAME context TO around", "ALTER TABLE event RENAME around TO context"),
        (
            "ALTER TABLE summary_tally RENAME TO summary_sum",
            "ALTER TABLE summary_sum RENAME TO summary_tally",
        ),
        ("REVOKE INSERT ON event FROM diptych_app", "GRANT INSERT ON event TO diptych_app"),
    ],
)
async def test_an_old_server_that_cannot_store_any_more_acknowledges_nothing_and_refuses_nothing(
    there: str, back: str, database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Its clients are told to come again, and find a server of the new version, or this one once that is undone."""
    known, visit = a_visit("before"), a_visit("v")
    async with open_ingest(database) as ingest:
        await submit(ingest, workspace, known)
        await superuser.execute(there)
        with pytest.raises(Unavailable):
            await ingest.accumulator.submit(workspace, visit)
        await superuser.execute(back)
        await submit(ingest, workspace, visit)
    assert await superuser.fetchval("SELECT count(*) FROM refused_event") == 0
    await assert_once_and_right(database, workspace, [*known, *visit])
