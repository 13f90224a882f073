"""Views from events: rebuild, check, and history that a change of the catalogue classifies anew."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from cdp.db.pool import Database
from cdp.errors import NotFound
from cdp.lenses.rebuild import rebuild
from cdp.lenses.reclassify import reclassify_some
from cdp.lenses.unclassified import unclassified
from cdp.model import (
    EventType,
    WorkspaceId,
)
from cdp.workspaces import change
from tests.lenses.history import LLAMAS, finish, locked_tell, random_traffic, set_entry


async def test_a_check_finds_no_difference_after_random_traffic(traffic: Any, now: datetime) -> None:
    """And changes nothing, and says how far it has come."""
    await random_traffic(traffic)
    before = await traffic.tables()
    seen: list[tuple[int, int]] = []
    report = await rebuild(
        traffic.database,
        traffic.workspace_id,
        check=True,
        now=now,
        chunk=25,
        progress=lambda *at: seen.append(at),
    )
    assert (report.differences, report.nodes, report.events) == ({}, 60, 148)
    assert seen == [(25, 60), (50, 60), (60, 60)]
    assert await traffic.tables() == before
    assert str(report) == "60 identifiers, 148 events: no difference"


@pytest.mark.parametrize(
    ("damage", "tables"),
    [
        ("UPDATE summary_tally SET count = count + 1 WHERE {first} AND kind = 'seen'", {"summary_tally"}),
        ("UPDATE summary_tally SET units = units + 1 WHERE {first} AND kind = 'signal'", {"summary_tally"}),
        ("DELETE FROM summary_day WHERE {first}", {"summary_day"}),
        ("UPDATE summary_register SET value = '\"Pisa\"' WHERE {first}", {"summary_register"}),
        ("UPDATE summary_order SET refunded = refunded + 0.01 WHERE {first}", {"summary_order"}),
        ("UPDATE event SET usage = NOT usage WHERE {first}", {"event"}),
        ("UPDATE profile SET purchase_count = 99 WHERE workspace_id = $1 AND profile_id = 1", {"profile"}),
        (
            "UPDATE membership SET used_days = '{{}}' WHERE workspace_id = $1 AND profile_id = 1",
            {"membership"},
        ),
    ],
)
async def test_a_check_finds_one_row_that_was_tampered_with(
    traffic: Any, now: datetime, damage: str, tables: set[str]
) -> None:
    """It names the table and the place, and leaves the row for the rebuild, which mends it."""
    await traffic.person(1, 10)
    await traffic.tell(
        (traffic.event("Order Completed", {"total": 5}), 10),
        (traffic.event("Signed In"), 10),
        (traffic.event("Identified", {"city": "Rome"}, type=EventType.IDENTIFY), 10),
    )
    good = await traffic.tables()
    await traffic.execute(damage.format(first="workspace_id = $1 AND node_id = 10"))
    found = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    again = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    assert set(found.differences) == set(again.differences) == tables
    assert tables == {"event"} or all(any(table in each for each in found.examples) for table in tables)
    mended = await rebuild(traffic.database, traffic.workspace_id, now=now)
    assert mended.differences == found.differences
    assert await traffic.tables() == good
    clean = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    assert clean.differences == {}


async def test_a_name_that_the_catalogue_learns_counts_as_if_it_had_always_known_it(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, traffic: Any, now: datetime
) -> None:
    """Conditions included, however the name was spelled, and worked off in chunks."""
    other = type(traffic)(database, other_workspace)
    await other.execute("UPDATE workspace SET epoch = $2 WHERE workspace_id = $1", now.replace(hour=0))
    await random_traffic(traffic)
    await set_entry(traffic, LLAMAS, now)
    assert await finish(traffic, now) > 2

    await set_entry(other, LLAMAS, now)
    await random_traffic(other)

    def of(tables: dict[str, list[str]], number: int) -> dict[str, list[str]]:
        return {
            table: [row.replace(f'"workspace_id": {number}', "") for row in rows]
            for table, rows in tables.items()
        }

    assert of(await traffic.tables(), workspace) == of(await other.tables(), other_workspace)
    clean = await rebuild(database, workspace, check=True, now=now)
    assert clean.differences == {}


async def test_only_people_with_such_events_are_touched(traffic: Any, now: datetime, superuser: Any) -> None:
    await traffic.person(1, 10)
    await traffic.person(2, 20)
    await traffic.tell(
        (traffic.event("Llama Groomed", {"breed": "suri"}), 10), (traffic.event("Signed In"), 20)
    )
    before = await superuser.fetchval("SELECT xmin::text FROM summary_tally WHERE node_id = 20 LIMIT 1")
    await set_entry(traffic, LLAMAS, now)
    await finish(traffic, now)
    assert (
        await superuser.fetchval("SELECT xmin::text FROM summary_tally WHERE node_id = 20 LIMIT 1") == before
    )
    assert [r["profile_id"] for r in await superuser.fetch("SELECT profile_id FROM settlement")] == [1]
    assert (await traffic.profile(1))["purchase_count"] == 1
    flags = await superuser.fetch("SELECT intent, usage FROM event ORDER BY node_id")
    assert [tuple(row) for row in flags] == [(True, True), (False, True)]


async def test_nobody_is_passed_over_for_another_spelling(traffic: Any, now: datetime) -> None:
    """Somebody with many events fills a chunk; who comes next under one spelling waits for who comes under another."""
    for person in (1, 2, 3):
        await traffic.person(person, person * 10)
    suri = {"breed": "suri"}
    await traffic.tell(
        *((traffic.event("Llama Groomed", suri), 10) for _ in range(20)),
        (traffic.event("Llama Groomed", suri), 20),
        (traffic.event("llama groomed", suri), 30),
    )
    await set_entry(traffic, LLAMAS, now)
    await finish(traffic, now, limit=2)
    assert [(await traffic.profile(person))["purchase_count"] for person in (1, 2, 3)] == [20, 1, 1]


async def test_a_default_that_is_switched_off_and_on_again_leaves_no_trace(
    traffic: Any, now: datetime
) -> None:
    await random_traffic(traffic, number=40)
    states = [await traffic.tables()]
    for _ in range(2):
        async with traffic.database.transaction(traffic.workspace_id) as connection:
            await change.remove_entry(connection, traffic.workspace_id, "pricing viewed", now=now)
        await finish(traffic, now, limit=100)
        states.append(await traffic.tables())
    assert states[0] != states[1]
    assert states[0] == states[2]


async def test_a_new_half_life_counts_all_history_anew_from_today(traffic: Any, now: datetime) -> None:
    """Worked off in the background or by a rebuild, with the same result."""
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Pricing Viewed", days=7.5), 10))
    later = now + timedelta(days=7)
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        workspace = await change.change_settings(
            connection, traffic.workspace_id, {"half_life_days": 7}, now=later
        )
    assert workspace.epoch == later.replace(hour=0)
    await finish(traffic, later)
    background = await traffic.tables()
    assert (await traffic.profile(1))["intent_rank"] == pytest.approx(5 / 4)
    report = await rebuild(traffic.database, traffic.workspace_id, check=True, now=later)
    assert report.differences == {}
    await traffic.execute("UPDATE summary_tally SET units = 0 WHERE workspace_id = $1")
    await rebuild(traffic.database, traffic.workspace_id, now=later)
    assert await traffic.tables() == background


async def test_a_rebuild_moves_an_epoch_that_lies_far_back(traffic: Any, now: datetime) -> None:
    """And finishes what waited to be classified anew; scores stay what they were."""
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Pricing Viewed"), 10))
    later = now + timedelta(days=14 * 301)
    await rebuild(traffic.database, traffic.workspace_id, now=later)
    workspace = await traffic.workspace()
    assert workspace.epoch == later.replace(hour=0)
    assert (await traffic.profile(1))["intent_rank"] == pytest.approx(
        5 * 2**-301 * 2 ** (0.5 / 14), abs=1e-12
    )
    assert not await reclassify_some(traffic.database, traffic.workspace_id, now=later)


class Killed(Exception):
    """Nobody catches this: the process is gone."""


@pytest.mark.parametrize("check", [True, False])
async def test_what_was_interrupted_goes_on_where_it_was(traffic: Any, now: datetime, check: bool) -> None:
    """What was found before the interruption is told at the end too; a restart begins at the beginning."""
    await random_traffic(traffic)
    good = await traffic.tables()
    await traffic.execute(
        "UPDATE summary_tally SET count = count + 1 WHERE workspace_id = $1 AND node_id = 10"
    )
    broken = await traffic.tables()
    seen: list[int] = []

    def killed_after(most: int) -> Any:
        def progress(done: int, _total: int) -> None:
            seen.append(done)
            if done >= most:
                raise Killed

        return progress

    async def run(most: int = 1_000, **options: Any) -> Any:
        return await rebuild(
            traffic.database,
            traffic.workspace_id,
            check=check,
            now=now,
            chunk=20,
            progress=killed_after(most),
            **options,
        )

    with pytest.raises(Killed):
        await run(40)
    report = await run()
    assert seen == [20, 40, 40, 60]
    assert str(report).startswith("60 identifiers (40 before an interruption), 148 events: ")
    assert (report.nodes, report.events, set(report.differences)) == (60, 148, {"summary_tally"})
    assert await traffic.tables() == (broken if check else good)
    seen.clear()
    with pytest.raises(Killed):
        await run(20)
    report = await run(restart=True)
    assert seen == [20, 20, 40, 60]
    assert (report.nodes, set(report.differences)) == (60, {"summary_tally"} if check else set())


async def test_a_node_may_have_more_events_than_are_read_at_once(
    traffic: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdp.lenses.redo._BATCH", 7)
    await traffic.person(1, 10)
    await traffic.tell(*((traffic.event("Llama Groomed", {"breed": "suri"}), 10) for _ in range(40)))
    await set_entry(traffic, LLAMAS, now)
    report = await rebuild(traffic.database, traffic.workspace_id, now=now)
    assert (report.events, report.reclassified) == (40, 40)
    assert (await traffic.profile(1))["purchase_count"] == 40
    clean = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    assert clean.differences == {}


async def test_two_workers_share_history_without_doing_it_twice(traffic: Any, now: datetime) -> None:
    await random_traffic(traffic)
    await set_entry(traffic, LLAMAS, now)
    await asyncio.gather(*(finish(traffic, now, limit=5) for _ in range(3)))
    await finish(traffic, now)
    report = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    assert report.differences == {}


async def test_ingest_beside_a_rebuild_loses_nothing(traffic: Any, now: datetime) -> None:
    await random_traffic(traffic, number=80)

    async def ingest() -> None:
        for number in range(12):
            node = (number % 30 + 1) * 10
            await locked_tell(traffic, traffic.event("Pricing Viewed"), node)

    await asyncio.gather(
        ingest(), rebuild(traffic.database, traffic.workspace_id, now=now, chunk=5), ingest()
    )
    report = await rebuild(traffic.database, traffic.workspace_id, check=True, now=now)
    assert (report.differences, report.events) == ({}, 80 + 24)


async def test_a_workspace_that_does_not_exist_is_not_rebuilt(
    database: Database, workspace: WorkspaceId
) -> None:
    with pytest.raises(NotFound):
        await rebuild(database, WorkspaceId(workspace + 99))


async def test_names_that_nobody_knows_are_listed_with_their_counts(traffic: Any, now: datetime) -> None:
    """Calls that are no behaviour, and names that the catalogue knows although they count for nothing, are not."""
    await traffic.person(1, 10)
    await traffic.tell(
        (traffic.event("Llama Groomed", days=3), 10),
        (traffic.event("Llama Groomed", days=1), 10),
        (traffic.event("Hay Bought"), 10),
        (traffic.event("Signed In"), 10),
        (traffic.event("Page Viewed", {"path": "/"}), 10),
        (traffic.event("Identified", type=EventType.IDENTIFY), 10),
        (traffic.event("Identified"), 10),
    )
    workspace = await traffic.workspace()
    async with traffic.database.connection(traffic.workspace_id) as connection:
        found = await unclassified(connection, workspace)
        assert await unclassified(connection, workspace, first=1) == found[:1]
    assert [(each.name, each.count, each.first_at, each.last_at) for each in found] == [
        ("Llama Groomed", 2, now - timedelta(days=3), now - timedelta(days=1)),
        ("Hay Bought", 1, now, now),
        ("Identified", 1, now, now),
    ]
