from __future__ import annotations

import pytest

from cdp.access import Authenticator, KeyBearer, operator
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.access.keyring import Clock, Keyring


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(database: Database, workspace: WorkspaceId, clock: Clock) -> Keyring:
    return Keyring(database, operator(workspace), clock)


@pytest.fixture
def authenticator(database: Database, clock: Clock) -> Authenticator:
    return Authenticator([KeyBearer(database, clock=clock.now, monotonic=clock.monotonic)])
