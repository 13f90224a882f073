"""The server's clock is set right between two requests, by a lot."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.faults.parts import a_visit, assert_once_and_right, submit
from tests.ingest.parts import NOON, open_ingest


@pytest.mark.parametrize("step", [timedelta(minutes=-5), timedelta(days=-20), timedelta(days=20)])
async def test_a_message_that_comes_again_after_a_step_of_the_clock_counts_once(
    step: timedelta, database: Database, workspace: WorkspaceId
) -> None:
    now = NOON

    def clock() -> datetime:
        return now

    first, second = a_visit("before"), a_visit("after")
    async with open_ingest(database, clock=clock) as ingest:
        await submit(ingest, workspace, first)
        now += step
        await submit(ingest, workspace, [*first, *second])
        now -= step
        await submit(ingest, workspace, [*second, *first])
    await assert_once_and_right(database, workspace, [*first, *second])
