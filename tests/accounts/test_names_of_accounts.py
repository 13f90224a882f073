"""Names that accounts are given are locked: each by itself, or all where they are many."""

from __future__ import annotations

import asyncpg
import pytest

from cdp.accounts.book import lock_names
from cdp.db.pool import Database
from cdp.model import WorkspaceId

_LOCKS = """
    SELECT classid::bigint AS room, mode, count(*) AS number FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY classid, mode ORDER BY classid
"""


@pytest.mark.parametrize(
    ("names", "locks"),
    [
        (3, [(7002, "ExclusiveLock", 3), (7003, "ShareLock", 1)]),
        (500, [(7003, "ExclusiveLock", 1)]),
    ],
)
async def test_few_names_are_locked_each_and_many_all_together(
    database: Database,
    workspace: WorkspaceId,
    superuser: asyncpg.Connection,
    names: int,
    locks: list[tuple[int, str, int]],
) -> None:
    """Flushes with a few new accounts do not wait for each other, and none fills PostgreSQL's table of locks."""
    async with database.transaction(workspace) as connection:
        await lock_names(connection, workspace, groups=[f"g{number}" for number in range(names)])
        held = [tuple(row) for row in await superuser.fetch(_LOCKS)]
    assert held == locks
