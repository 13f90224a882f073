"""More than can be stored: who waits, who is refused, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.ingest import accumulator
from cdp.ingest.outage import Outage
from cdp.ingest.pace import Pace
from cdp.ingest.results import ItemResult, Outcome
from cdp.model import WorkspaceId
from tests.ingest.parts import Ingest, event, open_ingest, stored_ids


@asynccontextmanager
async def held(database: Database, workspace: WorkspaceId) -> AsyncIterator[None]:
    """Ingest of a workspace waits, as for a change of its catalogue."""
    async with database.transaction(workspace) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(7001, $1::int)", workspace)
        yield


def send(ingest: Ingest, workspace: WorkspaceId, name: str, count: int = 1) -> asyncio.Task[list[ItemResult]]:
    return asyncio.ensure_future(
        ingest.accumulator.submit(workspace, [event(f"{name}-{n}") for n in range(count)])
    )


async def test_one_workspace_fills_only_its_share_of_the_queue(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    async with open_ingest(database, queue_events=40) as ingest:
        async with held(database, workspace), held(database, other_workspace):
            flood = [send(ingest, workspace, f"flood{number}", 4) for number in range(20)]
            beside = [send(ingest, other_workspace, f"beside{number}", 4) for number in range(20)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            refused = [task for task in flood + beside if task.done()]
            assert len(flood) - sum(task in refused for task in flood) == 5
            assert len(beside) - sum(task in refused for task in beside) == 3
        await asyncio.gather(*flood, *beside, return_exceptions=True)
        assert {type(task.exception()) for task in refused} == {Unavailable}
        assert ingest.observed.queue[-1] == 0
    assert len(await stored_ids(database, workspace)) == 20
    assert len(await stored_ids(database, other_workspace)) == 12


async def test_a_workspace_that_is_held_up_holds_up_no_other(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Its flush waits for a lock; after a moment the next one begins all the same."""
    async with open_ingest(database) as ingest:
        async with held(database, workspace):
            waiting = send(ingest, workspace, "waiting")
            await asyncio.sleep(0)
            assert [result.outcome for result in await send(ingest, other_workspace, "on")] == [
                Outcome.STORED
            ]
            assert not waiting.done()
        assert [result.outcome for result in await waiting] == [Outcome.STORED]


async def test_while_others_wait_a_flush_is_small_and_they_take_turns(
    database: Database,
    workspace: WorkspaceId,
    other_workspace: WorkspaceId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accumulator, "TURN_SECONDS", 60)
    monkeypatch.setattr(accumulator.os, "cpu_count", lambda: 1)
    async with open_ingest(database, flush_events=16, flush_delay_ms=0) as ingest:
        answered: list[str] = []

        async def submit(of: WorkspaceId, name: str) -> None:
            await ingest.accumulator.submit(of, [event(name)])
            answered.append(name)

        flood = [submit(workspace, f"flood{number}") for number in range(12)]
        await asyncio.gather(*flood, submit(other_workspace, "beside"))
        assert answered.index("beside") <= 4
        assert [report.stored for report in ingest.observed.reports[:2]] == [2, 1]


async def test_requests_are_let_in_as_long_as_what_they_bring_can_be_stored_soon(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Before their bodies are read, by what the last ones brought."""
    async with open_ingest(database, flush_events=5) as ingest:
        for rounds in range(8):
            await asyncio.gather(*(send(ingest, workspace, f"m{rounds}-{n}", 4) for n in range(5)))
        room = ingest.accumulator.admitting
        most = max(2 * 5, 3.0 * ingest.accumulator._lane(workspace).rate)
        inside = []
        with pytest.raises(Unavailable):
            for _ in range(100_000):
                inside.append(room(workspace))
                inside[-1].__enter__()
        assert len(inside) - 1 == pytest.approx(most / 4, rel=0.1, abs=1)
        with room(other_workspace):
            pass
        for one in inside[:-1]:
            one.__exit__(None, None, None)
        with room(workspace):
            pass


async def test_who_has_waited_too_long_is_told_so_and_nothing_of_it_is_stored(
    database: Database, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client has given up by then, or is about to, and comes again."""
    monkeypatch.setattr(accumulator, "PATIENCE", 0.0)
    async with open_ingest(database) as ingest:
        with pytest.raises(Unavailable, match="too long"):
            await send(ingest, workspace, "late")
    assert await stored_ids(database, workspace) == []


async def test_while_the_database_takes_no_writes_requests_are_refused_at_once_and_then_one_tries(
    database: Database, database_url: str, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    closed = await Database.connect(database_url, max_size=2)
    async with open_ingest(closed) as ingest:
        with pytest.raises(Unavailable):
            await send(ingest, workspace, "first")
        flushes = len(ingest.observed.reports)
        with pytest.raises(Unavailable, match="cannot be written to"):
            await send(ingest, workspace, "second")
        with pytest.raises(Unavailable), ingest.accumulator.admitting(workspace):
            pass
        assert len(ingest.observed.reports) == flushes
        await superuser.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await closed._pool.expire_connections()
        while True:
            try:
                answer = await send(ingest, workspace, "third")
            except Unavailable:
                continue
            break
        assert [result.outcome for result in answer] == [Outcome.STORED]
    await closed.close()
    assert await stored_ids(database, workspace) == ["third-0"]


def test_pauses_grow_while_the_database_is_away_and_are_over_with_the_first_commit() -> None:
    now = 100.0
    outage = Outage(lambda: now)
    pauses = []
    for _ in range(8):
        outage.begin("PostgreSQL cannot be reached.")
        began = now
        while outage.refusing:
            now += 0.01
        pauses.append(now - began)
    assert pauses[0] <= 0.21
    assert pauses[-1] <= 3.01
    assert pauses[-1] >= 1.5
    outage.begin("PostgreSQL cannot be reached.")
    outage.end()
    assert not outage.refusing


async def test_batches_are_read_in_turns_of_workspaces_with_looks_at_the_network_between() -> None:
    now = 0.0
    pace = Pace(monotonic=lambda: now)
    order: list[str] = []
    looks = 0

    async def read(workspace: int, name: str) -> None:
        nonlocal now
        await pace.turn(WorkspaceId(workspace))
        now += 0.003
        order.append(name)

    async def look() -> None:
        nonlocal looks
        while len(order) < 9:
            looks += 1
            await asyncio.sleep(0)

    flood = [read(1, f"flood{number}") for number in range(8)]
    await asyncio.gather(*flood, read(2, "beside"), look())
    assert sorted(order) == ["beside", *(f"flood{number}" for number in range(8))]
    assert order.index("beside") <= 4
    assert looks >= 5
