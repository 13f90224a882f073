"""The connection to PostgreSQL is lost at every moment of a flush, before and after PostgreSQL has obeyed."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from cdp.db.pool import Database
from cdp.model import Event, WorkspaceId
from tests.conftest import DatabaseUrls
from tests.faults.parts import a_visit, assert_once_and_right, submit, wire_to
from tests.ingest.parts import open_ingest


@pytest.mark.parametrize("obeyed", [False, True])
async def test_a_connection_that_is_lost_at_any_message_of_a_flush_costs_nothing(
    obeyed: bool, database_urls: DatabaseUrls, database: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Every message to PostgreSQL in turn is the last; one that was obeyed may have been the commit."""
    events: list[Event] = []
    async with wire_to(database_urls.app, tmp_path) as (wire, url):
        through = await Database.connect(url, max_size=2)
        async with open_ingest(through) as ingest:
            for number in count():
                visit = a_visit(f"v{number}", f"person {number % 3}")
                wire.cut_after(number, obeyed=obeyed)
                await submit(ingest, workspace, visit)
                events += visit
                if wire.whole:
                    break
            assert wire.cuts == number > 10
            assert [report.tries for report in ingest.observed.reports] == [*[2] * number, 1]
        await through.close()
    await assert_once_and_right(database, workspace, events)
