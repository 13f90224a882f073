"""Schedules: one run for each tick, whatever the clocks do and however many processes look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.jobs import due_ticks, keep_schedules, next_tick, tick
from cdp.jobs.ticks import ticks
from cdp.model import Job, MissedTicks, Schedule, WorkspaceId
from cdp.workspaces.cache import Workspaces
from tests.settle.parts import Clock, rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def schedule(**changes: Any) -> Schedule:
    return Schedule(**({"name": "mondays", "job": "digest", "cron": "0 9 * * MON"} | changes))


def test_a_tick_is_of_the_place_s_own_time() -> None:
    """Nine in Zurich is eight in UTC in winter, and seven in summer."""
    zurich = schedule(cron="0 9 * * *", time_zone="Europe/Zurich")
    assert next_tick(zurich, datetime(2026, 1, 10, tzinfo=UTC)) == datetime(2026, 1, 10, 8, tzinfo=UTC)
    assert next_tick(zurich, datetime(2026, 7, 10, tzinfo=UTC)) == datetime(2026, 7, 10, 7, tzinfo=UTC)


def test_an_hour_that_spring_skips_ticks_after_it_and_one_that_autumn_repeats_ticks_once() -> None:
    """Half past two in Zurich is not there on the one night, and there twice on the other."""
    nightly = schedule(cron="30 2 * * *", time_zone="Europe/Zurich")
    spring = list(islice(ticks(nightly, datetime(2026, 3, 28, 12, tzinfo=UTC)), 2))
    assert spring == [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)]
    autumn = list(islice(ticks(nightly, datetime(2026, 10, 24, 12, tzinfo=UTC)), 2))
    assert autumn == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


@given(
    minutes=st.integers(0, 24 * 365 * 60),
    cron=st.sampled_from(["*/7 * * * *", "0 * * * *", "15 3 * * *", "0 9 * * MON"]),
    zone=st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata"]),
)
def test_ticks_only_go_on(minutes: int, cron: str, zone: str) -> None:
    """Each later than the one before, and than where it was asked from."""
    moment = MONDAY + timedelta(minutes=minutes)
    found = list(islice(ticks(schedule(cron=cron, time_zone=zone), moment), 20))
    assert all(one < two for one, two in pairwise([moment, *found]))


@pytest.mark.parametrize(
    ("missed", "now", "expected"),
    [
        (MissedTicks.ONCE, MONDAY - timedelta(seconds=1), []),
        (MissedTicks.ONCE, MONDAY, [MONDAY]),
        (MissedTicks.ONCE, MONDAY + timedelta(days=22), [MONDAY]),
        (MissedTicks.SKIP, MONDAY + timedelta(seconds=40), [MONDAY]),
        (MissedTicks.SKIP, MONDAY + timedelta(hours=1), []),
        (
            MissedTicks.SKIP,
            MONDAY + timedelta(days=7, seconds=40),
            [MONDAY + timedelta(days=7)],
        ),
        (
            MissedTicks.EACH,
            MONDAY + timedelta(days=15),
            [MONDAY, MONDAY + timedelta(days=7), MONDAY + timedelta(days=14)],
        ),
    ],
)
def test_missed_ticks_are_made_up_for_as_the_schedule_says(
    missed: MissedTicks, now: datetime, expected: list[datetime]
) -> None:
    """Once, not at all, or each."""
    found, following = due_ticks(schedule(missed=missed), MONDAY, now)
    assert found == expected
    assert following == (MONDAY if now < MONDAY else next_tick(schedule(), now))


@pytest.fixture
async def plugins() -> AsyncIterator[Plugins]:
    job = Job(name="digest", description="Sends a digest.", run=lambda: None)
    plugins = Plugins()
    plugins.register(
        SimpleNamespace(
            register_jobs=hookimpl(lambda: [job], specname="register_jobs"),
            register_schedules=hookimpl(lambda: [schedule()], specname="register_schedules"),
        ),
        name="p",
    )
    assert plugins.left_out() == frozenset()
    yield plugins
    await plugins.aclose()


STARTED = "SELECT name, started_by, due_at FROM job WHERE workspace_id = $1 ORDER BY job_id"


async def test_of_many_processes_that_look_at_a_tick_one_starts_the_job(
    database: Database, workspace: WorkspaceId, plugins: Plugins
) -> None:
    """All at once, as eight servers do; the next Monday ticks anew."""
    clock = Clock()
    clock.now = MONDAY - timedelta(hours=1)
    await keep_schedules(database, workspace, plugins, now=clock())
    found = await Workspaces(database).get(workspace)

    async def look() -> int:
        return await tick(database, found, plugins, "p", "mondays", clock=clock)

    assert sum(await asyncio.gather(*(look() for _ in range(8)))) == 0
    clock.now = MONDAY + timedelta(seconds=3)
    assert sum(await asyncio.gather(*(look() for _ in range(8)))) == 1
    clock.advance(days=7)
    assert sum(await asyncio.gather(*(look() for _ in range(8)))) == 1
    assert await rows(database, workspace, STARTED) == [
        ("digest", "schedule mondays", MONDAY),
        ("digest", "schedule mondays", MONDAY + timedelta(days=7)),
    ]


def test_a_schedule_that_cannot_be_read_is_left_out_with_its_reason() -> None:
    """At the start, and not on the night when it should tick."""
    plugins = Plugins()
    for name, bad in (("cron", schedule(cron="0 25 * * *")), ("zone", schedule(time_zone="Europe/Atlantis"))):
        plugins.register(
            SimpleNamespace(
                register_schedules=hookimpl(lambda bad=bad: [bad], specname="register_schedules")
            ),
            name=name,
        )
    reasons = {one.name: one.error for one in plugins.health()}
    assert plugins.left_out() == {"cron", "zone"}
    assert all(reason is not None and "cannot be read" in reason for reason in reasons.values())
