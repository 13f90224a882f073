"""A fixture on top of people.py."""

from __future__ import annotations

import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.identity.people import World


@pytest.fixture
def world(database: Database, workspace: WorkspaceId) -> World:
    return World(database, workspace)
