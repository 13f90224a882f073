"""Group commit: what is acknowledged is stored, once; what cannot be stored harms nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.errors import NotFound, Unavailable
from cdp.ingest.decode import decode_batch
from cdp.ingest.results import Outcome, Refusal
from cdp.model import WorkspaceId
from tests.ingest.parts import NOON, Ingest, event, open_ingest, stored_ids

POISON = {"text": "PostgreSQL cannot hold \0"}


async def outcomes(ingest: Ingest, workspace: WorkspaceId, *events: object) -> list[str]:
    return [result.outcome.value for result in await ingest.accumulator.submit(workspace, events)]  # type: ignore[arg-type]


async def refused(database: Database, workspace: WorkspaceId) -> list[asyncpg.Record]:
    async with database.connection(workspace) as connection:
        return await connection.fetch(
            "SELECT * FROM refused_event WHERE workspace_id = $1 ORDER BY refused_id", workspace
        )


async def test_what_is_answered_is_visible_and_its_profiles_wait_to_be_settled(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    assert await outcomes(ingest, workspace, event("m1"), event("m2", "u2")) == ["stored", "stored"]
    assert await stored_ids(ingest.database, workspace) == ["m1", "m2"]
    async with ingest.database.connection(workspace) as connection:
        waiting = await connection.fetch(
            "SELECT profile_id FROM settlement WHERE workspace_id = $1", workspace
        )
    assert ingest.committed == [(workspace, frozenset(row["profile_id"] for row in waiting))]
    assert len(waiting) == 2


async def test_a_message_counts_once_within_a_batch_and_across_batches(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    assert await outcomes(ingest, workspace, event("m1"), event("m2"), event("m1")) == [
        "stored",
        "stored",
        "duplicate",
    ]
    later = event("m1", occurred_at=NOON - timedelta(days=90))
    assert await outcomes(ingest, workspace, later, event("m3")) == ["duplicate", "stored"]
    assert await stored_ids(ingest.database, workspace) == ["m1", "m2", "m3"]


async def test_the_same_message_from_two_processes_at_once_counts_once(
    database: Database, workspace: WorkspaceId
) -> None:
    batches = [
        [event(f"m{number}", f"u{number % 7}") for number in range(start, start + 60)]
        for start in (0, 20, 40)
    ]
    async with open_ingest(database) as first, open_ingest(database) as second:
        results = await asyncio.gather(
            *(
                process.accumulator.submit(workspace, batch)
                for batch in batches
                for process in (first, second)
            )
        )
    stored = sum(result.outcome is Outcome.STORED for batch in results for result in batch)
    assert stored == 100
    assert await stored_ids(database, workspace) == sorted(f"m{number}" for number in range(100))


async def test_workspaces_do_not_share_message_ids(
    ingest: Ingest, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    both = await asyncio.gather(
        outcomes(ingest, workspace, event("m1")), outcomes(ingest, other_workspace, event("m1"))
    )
    assert both == [["stored"], ["stored"]]


async def test_requests_that_come_together_are_committed_together(
    database: Database, workspace: WorkspaceId
) -> None:
    async with open_ingest(database, flush_delay_ms=50) as ingest:
        await asyncio.gather(*(ingest.accumulator.submit(workspace, [event(f"m{n}")]) for n in range(100)))
        assert [report.stored for report in ingest.observed.reports] == [100]


async def test_a_full_batch_does_not_wait_for_company(database: Database, workspace: WorkspaceId) -> None:
    async with open_ingest(database, flush_delay_ms=60_000, flush_events=3) as ingest:
        results = await asyncio.wait_for(
            ingest.accumulator.submit(workspace, [event(f"m{n}") for n in range(5)]), 10
        )
        assert [result.outcome for result in results] == [Outcome.STORED] * 5


async def test_a_full_queue_turns_requests_away_at_once_and_loses_nothing(
    database: Database, workspace: WorkspaceId
) -> None:
    async with (
        open_ingest(database, queue_events=16) as ingest,
        database.transaction(workspace) as connection,
    ):
        # As a change of the catalogue does: ingest waits.
        await connection.execute("SELECT pg_advisory_xact_lock(7001, $1::int)", workspace)
        accepted = asyncio.create_task(
            ingest.accumulator.submit(workspace, [event(f"m{n}") for n in range(6)])
        )
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await ingest.accumulator.submit(workspace, [event(f"n{n}") for n in range(5)])
        assert caught.value.retry_after == 1
        assert ingest.observed.away == 5
        fits = asyncio.create_task(ingest.accumulator.submit(workspace, [event("n8"), event("n9")]))
        await asyncio.sleep(0)
        await connection.execute("SELECT 1")
        assert not accepted.done()
        await connection.execute("ROLLBACK")
        await connection.execute("BEGIN")
        assert len(await accepted + await fits) == 8
        assert ingest.observed.queue[-1] == 0
    assert len(await stored_ids(database, workspace)) == 8


async def test_an_event_that_the_database_cannot_hold_is_refused_alone(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    events = [event(f"m{number}", f"u{number}") for number in range(9)]
    events[4] = event("poison", "u4", properties=POISON)
    results = await ingest.accumulator.submit(workspace, events)
    assert [result.outcome.value for result in results] == ["stored"] * 4 + ["refused"] + ["stored"] * 4
    refusal = results[4].refusal
    assert refusal is not None
    assert (refusal.code, refusal.message.startswith("The event cannot be stored")) == ("REJECTED", True)
    assert await stored_ids(ingest.database, workspace) == [
        f"m{number}" for number in range(9) if number != 4
    ]
    (kept,) = await refused(ingest.database, workspace)
    assert (kept["code"], kept["received_at"], b'"poison"' in kept["body"]) == ("REJECTED", NOON, True)
    assert decode_batch(kept["body"])


async def test_a_refused_event_is_kept_as_it_arrived(ingest: Ingest, workspace: WorkspaceId) -> None:
    bodies = [b"zero", b"one"]
    await ingest.accumulator.submit(
        workspace,
        [event("good"), event("bad", properties=POISON)],
        body_of=bodies.__getitem__,
        source="import",
    )
    (kept,) = await refused(ingest.database, workspace)
    assert (kept["body"], kept["source"]) == (b"one", "import")


async def test_refusals_are_kept_even_where_every_event_beside_them_is_bad(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    earlier = Refusal(code="MISSING_ID", message="No id.", body=b"raw")
    await ingest.accumulator.submit(workspace, [event("bad", properties=POISON)], [earlier])
    kept = await refused(ingest.database, workspace)
    assert sorted(row["code"] for row in kept) == ["MISSING_ID", "REJECTED"]
    assert ingest.observed.reports[-1].refused == {"MISSING_ID": 1, "REJECTED": 1}


async def test_refusals_alone_are_kept(ingest: Ingest, workspace: WorkspaceId) -> None:
    assert await ingest.accumulator.submit(workspace, [], [Refusal(code="A", message="b", body=b"c")]) == []
    assert [row["code"] for row in await refused(ingest.database, workspace)] == ["A"]


async def test_any_number_of_bad_events_is_singled_out_and_nobody_else_suffers(
    database: Database, workspace: WorkspaceId
) -> None:
    """More than one flush may search for: those without bad events go on, the others wait for their turns."""
    async with open_ingest(database, flush_delay_ms=50) as ingest:
        bad, mixed, good = await asyncio.gather(
            ingest.accumulator.submit(
                workspace, [event(f"bad{number}", properties=POISON) for number in range(60)]
            ),
            ingest.accumulator.submit(
                workspace,
                [event(f"mixed{n}", properties=POISON if n % 3 else {}) for n in range(60)],
            ),
            ingest.accumulator.submit(workspace, [event(f"good{number}") for number in range(60)]),
        )
        assert [result.outcome.value for result in bad] == ["refused"] * 60
        assert [result.outcome.value for result in mixed] == ["stored", "refused", "refused"] * 20
        assert [result.outcome.value for result in good] == ["stored"] * 60
        assert len(ingest.observed.reports) > 2
        assert sum(report.unanswered for report in ingest.observed.reports) == 0
    kept = await refused(database, workspace)
    assert len({row["body"] for row in kept}) == len(kept) == 100
    assert len(await stored_ids(database, workspace)) == 80


async def test_what_was_refused_and_kept_is_neither_tried_nor_kept_again_when_it_comes_again(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    bad = event("bad", properties=POISON)
    (first,) = await ingest.accumulator.submit(workspace, [bad])
    again, fresh = await ingest.accumulator.submit(workspace, [bad, event("good")])
    assert first.refusal is not None
    assert again.refusal is not None
    assert (again.refusal.code, again.refusal.message) == (first.refusal.code, first.refusal.message)
    assert fresh.outcome is Outcome.STORED
    assert [report.tries for report in ingest.observed.reports] == [2, 1]
    assert len(await refused(ingest.database, workspace)) == 1
    assert await outcomes(ingest, workspace, event("bad", properties={"text": "mended"})) == ["stored"]


async def test_a_broken_installation_acknowledges_nothing_and_refuses_nothing(
    ingest: Ingest, workspace: WorkspaceId, owner: asyncpg.Connection
) -> None:
    await owner.execute("ALTER TABLE event RENAME COLUMN name TO title")
    with pytest.raises(Unavailable):
        await ingest.accumulator.submit(workspace, [event("m1")])
    assert await refused(ingest.database, workspace) == []
    await owner.execute("ALTER TABLE event RENAME COLUMN title TO name")
    assert await outcomes(ingest, workspace, event("m1")) == ["stored"]


async def test_closing_commits_what_was_accepted_and_refuses_what_is_new(
    database: Database, workspace: WorkspaceId
) -> None:
    async with open_ingest(database, flush_delay_ms=60_000, flush_events=80) as ingest:
        waiting = [
            asyncio.create_task(
                ingest.accumulator.submit(workspace, [event(f"m{n}") for n in range(start, start + 30)])
            )
            for start in range(0, 150, 30)
        ]
        await asyncio.sleep(0)
        await ingest.accumulator.aclose()
        assert all(task.done() for task in waiting)
        assert sum(len(task.result()) for task in waiting) == 150
        with pytest.raises(Unavailable):
            await ingest.accumulator.submit(workspace, [event("late")])
    assert len(await stored_ids(database, workspace)) == 150


async def test_events_of_a_caller_that_goes_away_are_stored_all_the_same(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    gone = asyncio.create_task(ingest.accumulator.submit(workspace, [event("m1")]))
    stays = asyncio.create_task(ingest.accumulator.submit(workspace, [event("m2")]))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert await stored_ids(ingest.database, workspace) == ["m1", "m2"]


async def test_a_deadlock_is_tried_again_and_nobody_sees_it(
    workspace: WorkspaceId, database_url: str, superuser: asyncpg.Connection, database: Database
) -> None:
    """Another transaction locks two profiles in the other order; PostgreSQL ends ours, which is done again."""
    async with open_ingest(database) as ingest:
        await ingest.accumulator.submit(workspace, [event("m1", "u1"), event("m2", "u2")])
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '500ms'")
    await superuser.execute("SET deadlock_timeout = '30s'")
    impatient = await Database.connect(database_url, max_size=2)
    lock = "SELECT 1 FROM profile WHERE workspace_id = $1 AND profile_id = $2 FOR UPDATE"
    first, second = [
        row["profile_id"]
        for row in await superuser.fetch(
            "SELECT profile_id FROM profile WHERE workspace_id = $1 ORDER BY 1", workspace
        )
    ]
    async with open_ingest(impatient) as ingest:
        async with superuser.transaction():
            await superuser.execute(lock, workspace, second)
            ours = asyncio.create_task(
                ingest.accumulator.submit(workspace, [event("m3", "u1"), event("m4", "u2")])
            )
            async with database.unbound() as witness:
                while not await witness.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    pass
            await superuser.execute(lock, workspace, first)
        assert [result.outcome for result in await ours] == [Outcome.STORED] * 2
        assert ingest.observed.reports[0].retries > 0
    await impatient.close()
    assert await stored_ids(database, workspace) == ["m1", "m2", "m3", "m4"]


async def test_a_lost_connection_is_tried_again_and_nobody_sees_it(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    async with open_ingest(database) as ingest:
        async with superuser.transaction():
            await superuser.execute("SELECT pg_advisory_xact_lock(7001, $1::int)", workspace)
            waiting = asyncio.create_task(ingest.accumulator.submit(workspace, [event("m1")]))
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
            )
            while not await superuser.fetchval(ended):
                pass
        assert [result.outcome for result in await waiting] == [Outcome.STORED]
        assert ingest.observed.reports[0].retries > 0
    assert await stored_ids(database, workspace) == ["m1"]


async def test_a_workspace_that_is_gone_is_not_found(ingest: Ingest) -> None:
    with pytest.raises(NotFound):
        await ingest.accumulator.submit(WorkspaceId(4711), [event("m1")])
