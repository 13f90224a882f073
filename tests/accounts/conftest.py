"""A fixture on top of people_in_accounts.py."""

from __future__ import annotations

import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.accounts.people_in_accounts import Town


@pytest.fixture
def town(database: Database, workspace: WorkspaceId) -> Town:
    return Town(database, workspace)
