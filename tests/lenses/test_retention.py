"""Events are dropped, and no view changes: neither now, nor when late ones come, nor by a rebuild."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp.db.pool import Database
from cdp.errors import BadInput
from cdp.lenses.compact import compact_some
from cdp.lenses.rebuild import rebuild
from cdp.lenses.retention import drop_some, horizon_of, retained
from cdp.lenses.unclassified import unclassified
from cdp.model import WorkspaceId
from cdp.workspaces.change import change_settings
from tests.lenses.history import LLAMAS, finish, locked_tell, random_traffic, set_entry


async def set_up(traffic: Any, now: datetime, **settings: Any) -> None:
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        await change_settings(connection, traffic.workspace_id, settings, now=now)


async def drop_all(traffic: Any, now: datetime, *, limit: int = 17) -> int:
    chunks = 0
    while await drop_some(traffic.database, traffic.workspace_id, now=now, limit=limit):
        chunks += 1
        assert chunks < 200
    return chunks


async def compact(traffic: Any, now: datetime) -> None:
    while await compact_some(traffic.database, traffic.workspace_id, now=now, limit=17):
        pass


async def times(traffic: Any) -> list[datetime]:
    async with traffic.database.connection(traffic.workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT occurred_at FROM event WHERE workspace_id = $1 ORDER BY occurred_at", traffic.workspace_id
        )
    return [row["occurred_at"] for row in rows]


async def check(traffic: Any, now: datetime) -> Any:
    return await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)


def without_workspace(tables: dict[str, list[str]], number: int) -> dict[str, list[str]]:
    return {
        table: [row.replace(f'"workspace_id": {number}', "") for row in rows]
        for table, rows in tables.items()
    }


@pytest.mark.parametrize(
    ("now", "months", "horizon"),
    [
        (datetime(2026, 11, 20, tzinfo=UTC), 1, datetime(2026, 10, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), 1, datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 3, 1, tzinfo=UTC), 14, datetime(2025, 1, 1, tzinfo=UTC)),
        (datetime(2026, 3, 1, tzinfo=UTC), None, None),
    ],
)
def test_so_many_whole_months_are_kept(now: datetime, months: int | None, horizon: datetime | None) -> None:
    assert horizon_of(now, months) == horizon


async def test_dropping_events_changes_no_view(traffic: Any, now: datetime) -> None:
    """A check agrees and says what it could not check; a rebuild makes damage good from what is left and was kept."""
    await random_traffic(traffic, over=300)
    await set_up(traffic, now, retention_months=3)
    before, all_times = await traffic.tables(), await times(traffic)
    horizon = datetime(2026, 8, 1, tzinfo=UTC)
    assert await drop_all(traffic, now) > 3
    assert await traffic.tables() == before
    assert await times(traffic) == [at for at in all_times if at >= horizon]
    found = await check(traffic, now)
    dropped = sum(at < horizon for at in all_times)
    assert (found.differences, found.events, found.dropped.events) == ({}, 148 - dropped, dropped)
    assert sum(found.dropped.names.values()) == dropped
    assert f"{dropped} events from before 2026-08-01 were dropped by retention" in str(found)
    for table in ("tally", "day", "register", "order"):
        await traffic.execute(f"DELETE FROM summary_{table} WHERE workspace_id = $1")
    await rebuild(traffic.database, traffic.workspace_id, now=now)
    assert await traffic.tables() == before


async def test_latecomers_count_and_go_like_the_others(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, traffic: Any, now: datetime
) -> None:
    """In the end all views are those of a workspace that keeps its events for ever."""
    other = type(traffic)(database, other_workspace)
    await other.execute("UPDATE workspace SET epoch = $2 WHERE workspace_id = $1", now.replace(hour=0))
    await set_up(traffic, now, retention_months=2)
    for each in (traffic, other):
        await random_traffic(each, over=200)
        if each is traffic:
            await drop_all(each, now)
        await each.tell(
            *(
                (each.event("Order Completed", {"order_id": "A", "total": 3}, days=days), 10)
                for days in (1, 150)
            )
        )
        if each is traffic:
            assert await drop_all(each, now) == 1
            assert min(await times(each)) >= datetime(2026, 9, 1, tzinfo=UTC)
    assert without_workspace(await traffic.tables(), workspace) == without_workspace(
        await other.tables(), other_workspace
    )
    assert (await check(traffic, now)).differences == {}


async def test_what_is_dropped_cannot_be_classified_anew(traffic: Any, now: datetime) -> None:
    """A name that the catalogue learns counts from what is left; the list of unknown names forgets what is gone."""
    await traffic.person(1, 10)
    await traffic.tell(
        *((traffic.event("Llama Groomed", {"breed": "suri"}, days=days), 10) for days in (1, 2, 100, 200)),
        (traffic.event("Hay Bought", days=300), 10),
    )
    await set_up(traffic, now, retention_months=1)
    await drop_all(traffic, now)
    async with traffic.database.connection(traffic.workspace_id) as connection:
        unknown = await unclassified(connection, await traffic.workspace())
        state = await retained(connection, traffic.workspace_id)
    assert [(one.name, one.count) for one in unknown] == [("Llama Groomed", 2)]
    assert state is not None
    assert (state.events, state.last_at, state.finished_at) == (3, now - timedelta(days=100), now)
    await set_entry(traffic, LLAMAS, now)
    await finish(traffic, now)
    assert (await traffic.profile(1))["purchase_count"] == 2
    assert (await check(traffic, now)).differences == {}


async def test_weights_that_were_dropped_decay_on_by_a_new_half_life(traffic: Any, now: datetime) -> None:
    """At the change they are worth what they were; events that are left are weighed anew."""
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Pricing Viewed", days=70), 10))
    await set_up(traffic, now, retention_months=1)
    await drop_all(traffic, now)
    worth = (await traffic.profile(1))["intent_rank"]
    assert worth == pytest.approx(5 * 2 ** (-69.5 / 14))
    later = now + timedelta(days=14)
    await set_up(traffic, later, half_life_days=7)
    await finish(traffic, later)
    assert (await traffic.profile(1))["intent_rank"] == pytest.approx(worth / 2)
    assert (await check(traffic, later)).differences == {}


async def test_dropping_beside_ingest_and_a_rebuild_loses_nothing(traffic: Any, now: datetime) -> None:
    await random_traffic(traffic, number=80, over=120)
    await set_up(traffic, now, retention_months=1)

    async def ingest() -> None:
        for number in range(12):
            node = (number % 30 + 1) * 10
            await locked_tell(traffic, traffic.event("Pricing Viewed", days=number * 10), node)

    await asyncio.gather(
        ingest(),
        drop_all(traffic, now, limit=5),
        drop_all(traffic, now, limit=5),
        rebuild(traffic.database, traffic.workspace_id, now=now, chunk=5),
    )
    await drop_all(traffic, now)
    found = await check(traffic, now)
    assert (found.differences, found.events + found.dropped.events) == ({}, 92)
    async with traffic.database.connection(traffic.workspace_id) as connection:
        seen = await connection.fetchval(
            "SELECT sum(count) FROM summary_tally WHERE workspace_id = $1 AND kind = 'seen'",
            traffic.workspace_id,
        )
    assert seen == 92


async def test_months_are_one_to_a_hundred_and_twenty(traffic: Any, now: datetime) -> None:
    """None keeps all: nothing is dropped then."""
    for months in (0, 121):
        with pytest.raises(BadInput, match="retention_months"):
            await set_up(traffic, now, retention_months=months)
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Signed In", days=5_000), 10))
    assert await drop_all(traffic, now) == 0
    await set_up(traffic, now, retention_months=120)
    assert await drop_all(traffic, now) == 1


async def test_days_that_no_window_reaches_are_forgotten(traffic: Any, now: datetime) -> None:
    """Profiles and memberships stay to the letter, also when derived anew, and a check agrees before and after."""
    await random_traffic(traffic, number=300, over=3_000)
    before = await traffic.tables()
    assert (await check(traffic, now)).differences == {}
    assert await traffic.tables() == before
    await compact(traffic, now)
    await traffic.refresh(range(1, 400))
    after = await traffic.tables()
    assert len(after["summary_day"]) < len(before["summary_day"])
    assert {**after, "summary_day": []} == {**before, "summary_day": []}
    assert (await check(traffic, now)).differences == {}
    async with traffic.database.connection(traffic.workspace_id) as connection:
        longest = await connection.fetchval(
            "SELECT max(span) FROM (SELECT max(day) - min(day) AS span FROM summary_day WHERE workspace_id = $1"
            " GROUP BY node_id, account_id) s",
            traffic.workspace_id,
        )
    assert longest <= 400


async def test_a_round_of_forgetting_days_begins_once_a_month(traffic: Any, now: datetime) -> None:
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Signed In"), 10), (traffic.event("Signed In", days=401), 10))
    await compact(traffic, now)
    assert len((await traffic.tables())["summary_day"]) == 1
    await traffic.tell((traffic.event("Signed In", days=500), 10))
    await compact(traffic, now + timedelta(days=29))
    assert len((await traffic.tables())["summary_day"]) == 2
    await compact(traffic, now + timedelta(days=30))
    assert len((await traffic.tables())["summary_day"]) == 1
