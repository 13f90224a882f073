"""The ingest path on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cdp.db.pool import Database
from tests.ingest.parts import Ingest, open_ingest


@pytest.fixture
async def ingest(database: Database) -> AsyncIterator[Ingest]:
    async with open_ingest(database) as opened:
        yield opened
