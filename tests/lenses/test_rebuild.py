"""Views from events: rebuild, check, and history that a change of the catalogue classifies anew."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from cdp.db.pool import Database
from cdp.errors import NotFound
from cdp.lenses.rebuild import rebuild
from cdp.lenses.reclassify import reclassify_some
from cdp.lenses.unclassified import unclassified
from cdp.model import (
    AccountId,
    CatalogueEntry,
    Condition,
    Contribution,
    EventType,
    Lens,
    NodeId,
    PurchaseEffect,
    Stage,
    WorkspaceId,
)
from cdp.workspaces import change

NAMES = ("Pricing Viewed", "pricing viewed", "Signed In", "Feature Used", "Order Completed", "Order Refunded",
         "Identified", "Llama Groomed", "llama groomed", "Review Submitted", "Page Viewed")  # fmt: skip


async def random_traffic(traffic: Any, *, number: int = 150, seed: int = 5) -> None:
    """Thirty people with two identifiers each, some in an account; several batches."""
    source = random.Random(seed)
    for account in (1, 2):
        await traffic.account(account)
    for person in range(1, 31):
        await traffic.person(person, person * 10, person * 10 + 1)
        if person % 3:
            await traffic.member(person * 10, person % 3)
    for _ in range(4):
        batch = []
        for _ in range(number // 4):
            name = source.choice(NAMES)
            event = traffic.event(
                name,
                {
                    "order_id": source.choice(["A", "B"]),
                    "total": source.choice([10, 0.1, "7.50", None, "junk"]),
                    "feature": source.choice(["dash", "export"]),
                    "rating": source.choice([2, 4.5]),
                    "breed": source.choice(["suri", "huacaya"]),
                    "price": 1.0,
                    "ratio": -0.0,
                    "huge": 1e22,
                },
                days=source.random() * 60,
                type=EventType.IDENTIFY if name == "Identified" else EventType.TRACK,
                context={"traits": {"city": source.choice(["Rome", None])}},
            )
            node = source.randint(1, 30) * 10 + source.randint(0, 1)
            batch.append((event, NodeId(node), AccountId(source.choice([0, 1, 2]))))
        await traffic.store(batch)


async def finish(traffic: Any, now: datetime, *, limit: int = 7) -> int:
    """Work off what waits; the answer is in how many chunks."""
    chunks = 1
    while await reclassify_some(traffic.database, traffic.workspace_id, now=now, limit=limit):
        chunks += 1
        assert chunks < 100
    return chunks


async def set_entry(traffic: Any, entry: CatalogueEntry, now: datetime) -> None:
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        await change.set_entry(connection, traffic.workspace_id, entry, now=now)


LLAMAS = CatalogueEntry(
    event="Llama Groomed",
    conditions=(Condition(property="breed", value="suri"),),
    contributions=(
        Contribution(lens=Lens.INTENT, weight=3, stage=Stage.PURCHASE, purchase=PurchaseEffect.PURCHASE),
        Contribution(lens=Lens.USAGE, feature="grooming", influence=2),
    ),
)


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


async def locked_tell(traffic: Any, event: Any, node: int) -> None:
    """As ingest does it: event and summaries in one transaction, under the profile's lock."""
    from cdp.lenses import store
    from cdp.lenses.fold import fold
    from cdp.model import ProfileId

    workspace = await traffic.workspace()
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        await connection.execute(
            "SELECT 1 FROM profile WHERE workspace_id = $1 AND profile_id = $2 FOR NO KEY UPDATE",
            traffic.workspace_id,
            node // 10,
        )
        await connection.execute(
            "INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, intent, "
            "usage, source, properties, context) VALUES ($1, $2, $2, $3, 'track', $4, $5, true, false, 'tracking', "
            "'{}', '{}')",
            traffic.workspace_id,
            event.occurred_at,
            event.message_id,
            event.name,
            node,
        )
        summaries = fold([(event, NodeId(node), AccountId(0))], workspace)
        await store.combine(connection, traffic.workspace_id, summaries)
        await store.refresh(connection, traffic.workspace_id, [ProfileId(node // 10)])


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
