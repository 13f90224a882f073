"""A message counts once, for as long as a workspace says, across months and their turn; what files bring, for good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from cdp.db.pool import Connection, Database
from cdp.ingest import messages
from cdp.model import Event, EventType, WorkspaceId
from cdp.settle import upkeep
from cdp.workspaces.change import change_settings

MARCH = datetime(2026, 3, 20, tzinfo=UTC)
TURN = datetime(2026, 4, 1, tzinfo=UTC)


def event(message_id: str, source: str = "tracking") -> Event:
    return Event(
        message_id=message_id,
        type=EventType.TRACK,
        name="Signed In",
        occurred_at=MARCH,
        received_at=MARCH,
        identifiers=(),
        source=source,
    )


async def remember(
    database: Database, workspace: WorkspaceId, at: datetime, *events: Event | str
) -> Sequence[bool]:
    async with database.transaction(workspace) as connection:
        return await within(connection, workspace, at, *events)


async def within(
    connection: Connection, workspace: WorkspaceId, at: datetime, *events: Event | str
) -> Sequence[bool]:
    whole = [event(each) if isinstance(each, str) else each for each in events]
    return await messages.remember(connection, workspace, whole, at)


async def test_a_message_that_comes_again_months_later_is_known(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Within a batch the first one counts; in another workspace it is another message."""
    assert await remember(database, workspace, MARCH, "a", "b", "a") == [True, True, False]
    assert await remember(database, workspace, MARCH + timedelta(days=33), "c", "b") == [True, False]
    assert await remember(database, workspace, MARCH - timedelta(days=33), "a") == [False]
    assert await remember(database, other_workspace, MARCH, "a") == [True]


@pytest.mark.parametrize(
    ("now", "months"),
    [
        (MARCH, [date(2026, 3, 1)]),
        (TURN - timedelta(minutes=6), [date(2026, 3, 1)]),
        (TURN - timedelta(minutes=4), [date(2026, 3, 1), date(2026, 4, 1)]),
        (TURN + timedelta(minutes=4), [date(2026, 3, 1), date(2026, 4, 1)]),
        (TURN + timedelta(minutes=6), [date(2026, 4, 1)]),
    ],
)
def test_ids_are_written_into_both_months_while_the_month_turns(now: datetime, months: list[date]) -> None:
    assert messages.months_at(now) == months


async def test_two_servers_take_one_message_at_the_turn_of_the_month_once(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """The later one waits for the other's transaction although their clocks say different months."""
    async with database.transaction(workspace) as first:
        assert await within(first, workspace, TURN - timedelta(seconds=2), "a", "b") == [True, True]
        other = asyncio.create_task(remember(database, workspace, TURN + timedelta(seconds=2), "b", "c"))
        async with asyncio.timeout(20):
            while not await superuser.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                pass
        assert not other.done()
    assert await other == [False, True]


async def test_what_came_too_long_ago_is_forgotten_and_imported_rows_never(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """A month goes when its last day is over for every workspace: the one that asks for longest decides."""
    imported = event("row", source="import")
    last = datetime(2026, 2, 28, tzinfo=UTC)
    await upkeep.message_months(database, today=last.date())
    assert await remember(database, workspace, last, "old", imported) == [True, True]
    assert await remember(database, workspace, last + timedelta(days=20), "newer") == [True]
    await upkeep.message_months(database, today=date(2026, 4, 4))
    assert await remember(database, workspace, TURN, "old", imported) == [False, False]
    async with database.transaction(other_workspace) as connection:
        await change_settings(connection, other_workspace, {"message_days": 60}, now=last)
    await upkeep.message_months(database, today=date(2026, 4, 29))
    assert await remember(database, workspace, TURN + timedelta(days=10), "old") == [False]
    async with database.transaction(other_workspace) as connection:
        await change_settings(connection, other_workspace, {"message_days": None}, now=last)
    assert await upkeep.message_months(database, today=date(2026, 4, 29)) > 0
    later = TURN + timedelta(days=28)
    assert await remember(database, workspace, later, "old", "newer", imported) == [True, False, False]


async def test_a_clock_that_is_ahead_forgets_nothing(database: Database, workspace: WorkspaceId) -> None:
    """What the database's own clock has not seen pass is kept."""
    now = datetime.now(UTC)
    await upkeep.message_months(database, today=now.date())
    await remember(database, workspace, now, "a")
    await upkeep.message_months(database, today=now.date() + timedelta(days=3_000))
    assert await remember(database, workspace, now, "a") == [False]


async def test_a_file_and_a_tracker_that_bring_one_message_count_it_once(
    database: Database, workspace: WorkspaceId
) -> None:
    assert await remember(database, workspace, MARCH, "a", event("b", "import")) == [True, True]
    assert await remember(database, workspace, MARCH, "b", event("a", "import")) == [False, False]


async def test_looking_for_known_messages_sweeps_each_index_once(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Not once for each message and month; the current month is asked by writing into it."""
    for month in (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)):
        await superuser.execute("SELECT cdp.ensure_message_partition($1)", month)
        await superuser.execute(
            "INSERT INTO event_message SELECT $1, gen_random_uuid(), $2 FROM generate_series(1, 3000)",
            workspace,
            month,
        )
    await superuser.execute("ANALYZE event_message")
    async with database.transaction(workspace) as connection:
        plan = await connection.fetch(
            f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {messages.queries.store_messages}",
            workspace,
            [number.to_bytes(16, "big") for number in range(1_000)],
            [date(2026, 3, 1)],
        )
    scans = {row[0].split(" on ")[1].split()[0]: row[0] for row in plan if " on event_message_2" in row[0]}
    assert scans.keys() >= {"event_message_202601", "event_message_202602"}
    assert "event_message_202603" not in scans
    assert all("loops=1)" in scan for scan in scans.values())
