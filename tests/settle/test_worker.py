"""The loop around settling: what wakes it, how it stops, what it does beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.hooks.manager import Plugins
from cdp.model import (
    CatalogueEntry,
    Contribution,
    EnrichedTrait,
    EnrichmentRequest,
    Lens,
    MembershipFacts,
    RoleContribution,
    WorkspaceId,
)
from cdp.settle import upkeep
from cdp.settle.worker import Worker
from cdp.workspaces.change import set_entry
from tests.settle.parts import (
    NOON,
    WAITING,
    Clock,
    claim,
    enricher,
    event,
    ingest,
    make_worker,
    resolver,
    rows,
)


class Seen:
    """A plugin's resolver that tells the test when it has been asked so many times."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: asyncio.Queue[int] = asyncio.Queue()

    def __call__(self, membership: MembershipFacts) -> list[RoleContribution]:
        self._loop.call_soon_threadsafe(self._asked.put_nowait, membership.profile.profile_id)
        return [claim()]

    async def another(self) -> int:
        async with asyncio.timeout(20):
            return await self._asked.get()


@pytest.fixture
async def seen() -> Seen:
    return Seen()


@pytest.fixture
async def plugins(seen: Seen) -> AsyncIterator[Plugins]:
    plugins = Plugins()
    plugins.register(resolver(seen), name="r")
    yield plugins
    await plugins.aclose()


async def test_it_settles_what_another_process_touches_until_it_is_told_to_stop(
    database: Database, workspace: WorkspaceId, plugins: Plugins, seen: Seen
) -> None:
    """Notifications wake it, since it would look by itself only in a minute; stopping finishes what it holds."""
    worker = make_worker(database, plugins, Clock(), poll=60.0)
    running = asyncio.create_task(worker.run())
    for number in range(3):
        (touched,) = await ingest(database, workspace, [event(str(number), f"u{number}")])
        assert await seen.another() == touched
    await worker.aclose()
    await running
    assert await rows(database, workspace, WAITING) == []


async def test_it_survives_the_loss_of_its_connection(
    database: Database, workspace: WorkspaceId, plugins: Plugins, seen: Seen, superuser: asyncpg.Connection
) -> None:
    """It listens again on another one, and settles what came meanwhile."""
    worker = make_worker(database, plugins, Clock(), poll=0.05)
    running = asyncio.create_task(worker.run())
    await ingest(database, workspace, [event("1", "ada")])
    await seen.another()
    await superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with capture_logs():
        (touched,) = await _ingest_through_loss(database, workspace)
        assert await seen.another() == touched
    await worker.aclose()
    await running


async def _ingest_through_loss(database: Database, workspace: WorkspaceId) -> frozenset[int]:
    for _ in range(10):
        try:
            return frozenset(await ingest(database, workspace, [event("2", "bob")]))
        except Unavailable:
            continue
    raise AssertionError("the pool never recovered")


async def test_it_classifies_history_anew_when_the_catalogue_changes(
    database: Database, workspace: WorkspaceId, plugins: Plugins, seen: Seen
) -> None:
    """An event that nobody knew becomes intent, without anybody asking."""
    await ingest(database, workspace, [event("1", "ada", name="Moon Viewed")])
    worker = make_worker(database, plugins, Clock(), poll=0.05)
    await worker.settle_once()
    contribution = Contribution(lens=Lens.INTENT, weight=7.0, signal="moon_viewed")
    entry = CatalogueEntry(event="Moon Viewed", contributions=(contribution,))
    async with database.transaction(workspace) as connection:
        await set_entry(connection, workspace, entry, now=NOON)
    running = asyncio.create_task(worker.run())
    await seen.another()  # once when it was stored
    await seen.another()  # and again because its panels have changed
    await worker.aclose()
    await running
    assert await rows(
        database, workspace, "SELECT name, intent, usage FROM event WHERE workspace_id = $1"
    ) == [("Moon Viewed", True, False)]


async def test_upkeep_makes_partitions_ahead_once(database: Database, superuser: asyncpg.Connection) -> None:
    """This month's and three more, over the turn of the year; a second time there is nothing to make."""
    assert await upkeep.partitions(database, today=date(2031, 11, 30)) == 4
    assert await upkeep.partitions(database, today=date(2031, 11, 30)) == 0
    found = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relname LIKE 'event\\_203%' AND relkind = 'r' ORDER BY relname"
    )
    assert [row["relname"] for row in found] == [
        "event_203111",
        "event_203112",
        "event_203201",
        "event_203202",
    ]


async def test_an_event_of_any_date_is_stored_and_moves_into_its_partition_when_that_is_made(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """The past is one partition and never moves; its rows stay one table's to whoever reads."""
    times = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2031, 11, 30, 23, 59, tzinfo=UTC), NOON]
    events = [event(str(number), "ada", occurred_at=at) for number, at in enumerate(times)]
    await ingest(database, workspace, events)
    where = "SELECT tableoid::regclass::text AS place FROM event ORDER BY occurred_at, message_id"
    assert {row["place"] for row in await superuser.fetch(where)} == {"event_default"}
    await upkeep.partitions(database, today=date(2031, 11, 30))
    places = ["event_past", "event_past", "event_203111"]
    assert [row["place"] for row in await superuser.fetch(where)] == places
    await ingest(database, workspace, [event("3", "ada", occurred_at=times[1]), *events])
    assert [row["place"] for row in await superuser.fetch(where)] == [*places, "event_203111"]
    stored = "SELECT message_id FROM event WHERE workspace_id = $1 ORDER BY occurred_at, message_id"
    assert await rows(database, workspace, stored) == [("0",), ("2",), ("1",), ("3",)]


async def test_upkeep_forgets_what_is_over_and_asks_again(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Refused events after 30 days, traits when they expire; whose they were is enriched anew."""
    clock = Clock()
    given = [NOON + timedelta(days=40)]

    def enrich(request: EnrichmentRequest) -> list[EnrichedTrait]:
        about = request.identifiers[0]
        return [EnrichedTrait(key="k", value=1, about=about, confidence=0.5, expires_at=given[0])]

    plugins = Plugins()
    plugins.register(enricher(enrich), name="e")
    worker = make_worker(database, plugins, clock)
    for tenant in (workspace, other_workspace):
        await ingest(database, tenant, [event("1", "ada")])
        await _refuse(database, tenant, clock)
    assert await worker.settle_once() == 2
    clock.advance(days=29)
    await _refuse(database, workspace, clock)
    clock.advance(days=2)
    await worker.keep_house()
    refused = "SELECT received_at FROM refused_event WHERE workspace_id = $1"
    assert await rows(database, workspace, refused) == [(NOON + timedelta(days=29),)]
    assert await rows(database, other_workspace, refused) == []
    assert await worker.settle_once() == 0

    clock.advance(days=9)
    await worker.keep_house()
    traits = "SELECT fetched_at FROM enrichment WHERE workspace_id = $1"
    assert await rows(database, workspace, traits) == []
    given[0] += timedelta(days=40)
    assert await worker.settle_once() == 2
    assert await rows(database, workspace, traits) == [(clock(),)]
    await worker.keep_house()
    assert await worker.settle_once() == 0
    await plugins.aclose()


async def _refuse(database: Database, workspace: WorkspaceId, clock: Clock) -> None:
    async with database.connection(workspace) as connection:
        await connection.execute(
            "INSERT INTO refused_event (workspace_id, received_at, source, code, message, body) "
            "VALUES ($1, $2, 'tracking', 'BAD', 'bad', '')",
            workspace,
            clock(),
        )


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    """From the last day of January there is a February."""
    assert upkeep.months_from(date(2028, 1, 31), 3) == [date(2028, 1, 1), date(2028, 2, 1), date(2028, 3, 1)]
    assert upkeep.months_from(date(2027, 12, 5), 2) == [date(2027, 12, 1), date(2028, 1, 1)]


async def test_stopping_a_worker_that_does_not_run_returns_at_once(
    database: Database, plugins: Plugins
) -> None:
    """An application without a worker's loop closes all the same."""
    worker: Worker = make_worker(database, plugins, Clock())
    await worker.aclose()
    async with asyncio.timeout(5):
        await worker.run()
