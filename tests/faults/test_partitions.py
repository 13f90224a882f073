"""Partitions are missing, because nobody made them in time."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.settle import upkeep
from tests.faults.parts import a_visit, assert_once_and_right, submit
from tests.ingest.parts import NOON, event, open_ingest

MONTHS = r"""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('event'::regclass, 'event_message'::regclass) AND c.relname ~ '_\d{6}$'
"""


async def test_events_of_months_that_nobody_has_made_are_stored_once_and_find_their_place(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """No month has a partition while they come, again and again; later each of them gets one."""
    for row in await superuser.fetch(MONTHS):
        await superuser.execute(f"DROP TABLE {row['relname']}")
    visit = a_visit("v")
    visit += [event(f"later-{days}", occurred_at=NOON + timedelta(days=days)) for days in (20, 40, 80)]
    async with open_ingest(database) as ingest:
        await submit(ingest, workspace, visit)
        await submit(ingest, workspace, visit)
        await assert_once_and_right(database, workspace, visit)
        assert await upkeep.partitions(database, today=NOON.date()) > 0
        await submit(ingest, workspace, visit)
    await assert_once_and_right(database, workspace, visit)
    default = await superuser.fetchval(
        "SELECT count(*) FROM event_default WHERE workspace_id = $1", workspace
    )
    assert default == 0
