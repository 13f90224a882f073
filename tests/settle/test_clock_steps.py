"""Clocks are set right, now and then by a lot: nobody is settled twice, or late, or never for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.ingest import refused
from cdp.ingest.results import Refusal
from cdp.lenses import settlement
from cdp.model import WorkspaceId
from tests.settle.parts import NOON, WAITING, Clock, event, ingest, make_worker, rows

LEASED = """
UPDATE settlement SET claimed_until = now() + $2::interval, claimed_by = gen_random_uuid() WHERE workspace_id = $1
"""
REFUSED = "SELECT code FROM refused_event WHERE workspace_id = $1"


@pytest.mark.parametrize("hours", [-24 * 365, -1, 1, 24 * 365 * 50])
async def test_what_was_noted_by_another_clock_is_settled_at_once(
    database: Database, workspace: WorkspaceId, hours: int
) -> None:
    """The clock is `hours` ahead when a person is touched, and right when the worker looks."""
    touched = await ingest(database, workspace, [event("1", "ada")])
    async with database.transaction(workspace) as connection:
        await connection.execute("DELETE FROM settlement WHERE workspace_id = $1", workspace)
        await settlement.note(connection, workspace, touched, NOON + timedelta(hours=hours))
    assert await make_worker(database, Plugins(), Clock()).settle_once() == 1
    assert await rows(database, workspace, WAITING) == []


async def test_a_person_who_was_put_off_is_due_when_touched_whatever_the_clock_says(
    database: Database, workspace: WorkspaceId
) -> None:
    touched = await ingest(database, workspace, [event("1", "ada")])
    async with database.transaction(workspace) as connection:
        await connection.execute(
            "UPDATE settlement SET due_at = $2 WHERE workspace_id = $1", workspace, NOON + timedelta(days=900)
        )
    worker = make_worker(database, Plugins(), Clock())
    assert await worker.settle_once() == 0
    async with database.transaction(workspace) as connection:
        await settlement.note(connection, workspace, touched, NOON + timedelta(hours=1))
    assert await worker.settle_once() == 1


@pytest.mark.parametrize(("hours", "taken"), [(0.01, 0), (1, 1), (24 * 365, 1)])
async def test_a_lease_from_before_the_clock_was_set_back_is_nobody_s(
    database: Database, workspace: WorkspaceId, hours: float, taken: int
) -> None:
    """One that may have been given a moment ago is respected."""
    await ingest(database, workspace, [event("1", "ada")])
    async with database.connection(workspace) as connection:
        await connection.execute(LEASED, workspace, timedelta(hours=hours))
    assert await make_worker(database, Plugins(), Clock()).settle_once() == taken


async def test_the_house_is_kept_though_the_clock_went_back(
    database: Database, workspace: WorkspaceId
) -> None:
    """Upkeep is due by time that passes, not by the clock on the wall."""
    clock, passed = Clock(), [0.0]
    worker = make_worker(database, Plugins(), clock, monotonic=lambda: passed[0])
    await worker._keep_house_when_due()
    clock.advance(days=-700)
    await _refuse(database, workspace, clock() - timedelta(days=40))
    passed[0] += 3500
    await worker._keep_house_when_due()
    assert await rows(database, workspace, REFUSED) == [("MISSING_ID",)]
    passed[0] += 200
    await worker._keep_house_when_due()
    assert await rows(database, workspace, REFUSED) == []


async def test_a_clock_that_jumps_ahead_deletes_nothing(database: Database, workspace: WorkspaceId) -> None:
    """Refused events are kept until their time is over by the database's clock too."""
    async with database.unbound() as connection:
        now = await connection.fetchval("SELECT now()")
    await _refuse(database, workspace, now)
    clock = Clock()
    clock.now = now + timedelta(days=4000)
    await make_worker(database, Plugins(), clock).keep_house()
    assert await rows(database, workspace, REFUSED) == [("MISSING_ID",)]


async def test_an_event_that_comes_again_after_the_clock_was_set_counts_once(
    database: Database, workspace: WorkspaceId
) -> None:
    """Forward and back: the message id decides."""
    for days in (0, 1, -1, 400, -400):
        again = NOON + timedelta(days=days)
        await ingest(database, workspace, [event("1", "ada", received_at=again)])
    counted = "SELECT count(*) FROM event WHERE workspace_id = $1"
    assert await rows(database, workspace, counted) == [(1,)]


async def _refuse(database: Database, workspace: WorkspaceId, at: datetime) -> None:
    refusal = Refusal(code="MISSING_ID", message="nobody", body=b"{}")
    async with database.transaction(workspace) as connection:
        await refused.keep(
            connection, workspace, [refused.Kept(refusal=refusal, source="tracking", received_at=at)]
        )
