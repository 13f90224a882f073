"""PostgreSQL refuses a transaction for a while: for locks, for others' transactions, for good."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.model import WorkspaceId
from tests.conftest import DatabaseUrls
from tests.faults.parts import a_visit, assert_once_and_right, submit, until
from tests.ingest.parts import open_ingest

MOST_TRIES = 6

# Sequences keep their value when a transaction is undone.
FAILING = """
CREATE SEQUENCE fault;
GRANT USAGE ON SEQUENCE fault TO diptych_app;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('fault') <= {times} THEN
        RAISE EXCEPTION 'not now' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER fail AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fail();
"""
TRIED = "SELECT last_value FROM fault"


@pytest.mark.parametrize(
    ("code", "table"),
    [
        ("40001", "event"),  # serialization failure
        ("40P01", "summary_tally"),  # deadlock
        ("55P03", "event_message"),  # lock timeout
        ("57P01", "settlement"),  # the connection is ended by an administrator
        ("53300", "event"),  # too many connections
    ],
)
async def test_what_fails_by_nobodys_fault_is_tried_again(
    code: str, table: str, database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    await superuser.execute(FAILING.format(times=3, code=code, table=table))
    visit = a_visit("v")
    async with open_ingest(database) as ingest:
        await submit(ingest, workspace, visit)
        assert [report.tries for report in ingest.observed.reports] == [4]
    await assert_once_and_right(database, workspace, visit)


async def test_what_fails_again_and_again_is_given_up_and_the_sender_told_to_come_again(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """The tries are bounded, nothing is acknowledged, nothing stored; the next time it works."""
    await superuser.execute(FAILING.format(times=MOST_TRIES, code="40001", table="event"))
    visit = a_visit("v")
    async with open_ingest(database) as ingest:
        with pytest.raises(Unavailable):
            await ingest.accumulator.submit(workspace, visit)
        assert await superuser.fetchval(TRIED) == MOST_TRIES
        await assert_once_and_right(database, workspace, [])
        await submit(ingest, workspace, visit)
    await assert_once_and_right(database, workspace, visit)


async def test_a_lock_that_is_held_too_long_is_not_waited_for_forever(
    database_urls: DatabaseUrls, database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Somebody holds a person's row longer than `lock_timeout`: the flush is tried again until the row is free."""
    known, visit = a_visit("before"), a_visit("v")
    async with open_ingest(database) as ingest:
        await submit(ingest, workspace, known)
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} SET lock_timeout = '100ms'")
    impatient = await Database.connect(database_urls.app, max_size=2)
    async with open_ingest(impatient) as ingest:
        async with superuser.transaction():
            await superuser.execute("SELECT 1 FROM profile WHERE workspace_id = $1 FOR UPDATE", workspace)
            task = asyncio.create_task(submit(ingest, workspace, visit))
            for waiting in (1, 0, 1):
                await until(superuser, "SELECT count(*) FROM pg_locks WHERE NOT granted", waiting)
        await task
        assert ingest.observed.reports[0].tries > 1
    await impatient.close()
    await assert_once_and_right(database, workspace, [*known, *visit])
