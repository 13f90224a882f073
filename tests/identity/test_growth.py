"""What a merge and a split cost follows from identifiers and from what is summed up, never from history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdp.db.pool import Connection, Database
from cdp.identity.kinds import make_kinds
from cdp.identity.merge import merge
from cdp.identity.profiles import find
from cdp.identity.split import split
from cdp.ingest import transaction
from cdp.lenses.store import refresh
from cdp.model import Event, EventType, Identifier, ProfileId, WorkspaceId
from cdp.workspaces.store import load

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LITTLE, MUCH = 12, 1_200


def history(name: str, length: int) -> list[Event]:
    """As many kinds of events and days, whatever the length."""
    return [
        Event(
            message_id=f"{name}-{number}",
            type=EventType.TRACK,
            name=("Feature Used", "Pricing Viewed")[number % 2],
            occurred_at=NOW - timedelta(days=number % 6),
            received_at=NOW,
            identifiers=(Identifier("user_id", name),),
            properties={"feature": f"f{number % 3}"},
        )
        for number in range(length)
    ]


async def work_of(connection: Connection) -> dict[str, int]:
    """Rows that this transaction has read and written so far, by table."""
    rows = await connection.fetch(
        "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del AS rows"
        " FROM pg_stat_xact_user_tables"
    )
    return {row["relname"]: row["rows"] for row in rows}


async def join_and_part(database: Database, workspace: WorkspaceId, name: str) -> dict[str, int]:
    """Merge somebody into a newcomer and split them off again; how many rows that took, by table."""
    newcomer = Identifier("user_id", f"friend-of-{name}")
    async with database.transaction(workspace) as connection:
        mine = await find(connection, workspace, Identifier("user_id", name))
        theirs = await find(connection, workspace, newcomer)
        assert mine is not None
        assert theirs is not None
        before = await work_of(connection)
        into = await merge(connection, workspace, theirs, mine, by="test", reason=None, now=NOW)
        await refresh(connection, workspace, [into])
        sides: tuple[ProfileId, ProfileId] = await split(
            connection, workspace, into, [newcomer], by="test", reason=None, now=NOW
        )
        await refresh(connection, workspace, sides)
        after = await work_of(connection)
    return {table: rows - before.get(table, 0) for table, rows in after.items()}


@pytest.fixture
async def people(database: Database, workspace: WorkspaceId) -> None:
    async with database.transaction(workspace) as connection:
        await transaction.lock(connection, workspace)
        events = [
            *history("little", LITTLE),
            *history("much", MUCH),
            *history("friend-of-little", 1),
            *history("friend-of-much", 1),
        ]
        await transaction.store(connection, await load(connection, workspace), events, make_kinds(), NOW)


async def test_merging_and_splitting_read_what_is_summed_up_and_no_event(
    database: Database, workspace: WorkspaceId, people: None
) -> None:
    little = await join_and_part(database, workspace, "little")
    much = await join_and_part(database, workspace, "much")
    assert {table: rows for table, rows in much.items() if table.startswith("event") and rows} == {}
    assert much["summary_tally"] == little["summary_tally"] > 0
    assert sum(much.values()) <= sum(little.values()) * 1.1
