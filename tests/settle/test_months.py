"""Events lie in partitions by month, which come and go without stopping those who read and write."""

from __future__ import annotations

from datetime import UTC, date, datetime

import asyncpg
import pytest
from structlog.testing import capture_logs

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.model import WorkspaceId
from cdp.settle import upkeep
from cdp.workspaces.change import change_settings
from tests.settle.parts import Clock, event, ingest, make_worker, rows

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PLACES = "SELECT tableoid::regclass::text AS place, count(*) FROM event GROUP BY 1 ORDER BY 1"


async def ensure(superuser: asyncpg.Connection, *months: date) -> list[bool]:
    return [await superuser.fetchval("SELECT cdp.ensure_event_partition($1)", month) for month in months]


async def places(superuser: asyncpg.Connection) -> dict[str, int]:
    return {row["place"]: row["count"] for row in await superuser.fetch(PLACES)}


async def test_a_month_is_made_while_events_are_written_and_read(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Neither waits for the other: making it wants no lock that they hold."""
    await ensure(superuser, date(2026, 3, 1))
    await ingest(database, workspace, [event("a", "ada")])
    async with database.transaction(workspace) as connection:
        await connection.execute(
            "INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, intent, usage,"
            " source, properties, context) SELECT workspace_id, occurred_at, received_at, 'b', type, name, node_id,"
            " intent, usage, source, properties, context FROM event"
            " WHERE workspace_id = $1 AND occurred_at = $2",
            workspace,
            NOON,
        )
        assert await ensure(superuser, date(2026, 4, 1), date(2026, 4, 1)) == [True, False]
    assert await places(superuser) == {"event_202603": 2}


async def test_a_month_that_nobody_made_in_time_becomes_a_partition_where_it_lies(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Not a row is moved: the default partition becomes the month's, gap and all, and another one the default."""
    await ensure(superuser, date(2026, 1, 1))
    late = datetime(2026, 2, 10, tzinfo=UTC)
    await ingest(database, workspace, [event("a", "ada"), event("b", "ada", occurred_at=late)])
    assert await places(superuser) == {"event_default": 2}
    file = await superuser.fetchval("SELECT pg_relation_filepath('event_default')")
    assert await ensure(superuser, date(2026, 3, 1)) == [True]
    assert await places(superuser) == {"event_202603": 2}
    assert await superuser.fetchval("SELECT pg_relation_filepath('event_202603')") == file
    assert await ensure(superuser, date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)) == [
        False,
        False,
        True,
    ]
    await ingest(database, workspace, [event("c", "ada", occurred_at=late), event("d", "ada")])
    assert await places(superuser) == {"event_202603": 4}
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = $1"
    assert (
        len({await superuser.fetchval(indexes, name) for name in ("event_202603", "event_default", "event")})
        == 1
    )


async def test_who_keeps_others_from_a_month_is_not_waited_for_long(
    database: Database, superuser: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await ensure(superuser, date(2026, 1, 1))
    async with owner.transaction():
        await owner.execute("LOCK TABLE event_default IN ACCESS SHARE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await ensure(superuser, date(2026, 2, 1))
    assert await ensure(superuser, date(2026, 2, 1)) == [True]


async def test_an_event_is_found_by_its_id_in_one_partition_of_many(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    months = [date(2025, month, 1) for month in range(1, 13)]
    assert all(await ensure(superuser, *months))
    async with database.connection(workspace) as connection:
        plan = await connection.fetch(
            "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) SELECT e.name FROM event e"
            " WHERE e.workspace_id = $1 AND e.occurred_at = $2 AND e.event_id = $3",
            workspace,
            datetime(2025, 6, 5, tzinfo=UTC),
            1,
        )
    (scan,) = (row[0] for row in plan if " on event_" in row[0])
    assert " on event_202506 " in scan


async def test_the_worker_drops_a_month_that_no_workspace_keeps(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """As long as one keeps events of it, it stays for them; latecomers of a dropped month are stored, and go."""
    await upkeep.partitions(database, today=date(2025, 10, 5))
    january, october = datetime(2026, 1, 9, tzinfo=UTC), datetime(2025, 10, 7, tzinfo=UTC)
    for each in (workspace, other_workspace):
        await ingest(
            database,
            each,
            [
                event("a", "ada", occurred_at=october),
                event("b", "ada", occurred_at=january),
                event("c", "ada"),
            ],
        )
    clock = Clock()
    loaded = Plugins()
    try:
        worker = make_worker(database, loaded, clock)

        async def keep_house(**settings: int | None) -> dict[str, int]:
            for each, name in ((workspace, "one"), (other_workspace, "other")):
                async with database.transaction(each) as connection:
                    changes = {"retention_months": settings[name]}
                    await change_settings(connection, each, changes, now=clock())
            await worker.keep_house()
            while await worker.chore_once():
                pass
            return await places(superuser)

        assert await keep_house(one=4, other=None) == {
            "event_202510": 1,
            "event_202601": 2,
            "event_202603": 2,
        }
        assert await keep_house(one=4, other=3) == {"event_202601": 2, "event_202603": 2}
        assert await superuser.fetchval("SELECT to_regclass('event_202510')") is None
        assert await superuser.fetchval("SELECT to_regclass('event_202512')") is not None
        await ingest(database, workspace, [event("d", "ada", occurred_at=october)])
        assert (await places(superuser))["event_default"] == 1
        assert await keep_house(one=4, other=3) == {"event_202601": 2, "event_202603": 2}
    finally:
        await loaded.aclose()
    seen = "SELECT sum(count)::int FROM summary_tally WHERE workspace_id = $1 AND kind = 'seen'"
    assert await rows(database, workspace, seen) == [(4,)]


async def test_a_chore_that_fails_is_put_off_and_holds_nobody_up(
    database: Database, workspace: WorkspaceId, owner: asyncpg.Connection
) -> None:
    """It is due again when the house is kept next."""
    await ingest(database, workspace, [event("a", "ada", occurred_at=datetime(2025, 1, 1, tzinfo=UTC))])
    async with database.transaction(workspace) as connection:
        await change_settings(connection, workspace, {"retention_months": 1}, now=NOON)
    loaded = Plugins()
    try:
        worker = make_worker(database, loaded, Clock())
        await owner.execute("ALTER TABLE base_tally RENAME TO elsewhere")
        await worker.keep_house()
        with capture_logs() as logs:
            while await worker.chore_once():
                pass
        assert [line["event"] for line in logs] == ["chore_put_off"]
        await owner.execute("ALTER TABLE elsewhere RENAME TO base_tally")
        await worker.keep_house()
        while await worker.chore_once():
            pass
    finally:
        await loaded.aclose()
    assert await rows(database, workspace, "SELECT name FROM event WHERE workspace_id = $1") == []
