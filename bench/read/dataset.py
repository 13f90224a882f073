"""A workspace of any size, made in SQL: the summaries that about twenty events a person would have left.

People come in blocks of ten thousand with five hundred accounts, always the same ones, so that a database grows by
adding blocks. Times hang on the workspace's epoch. Profiles and memberships are derived by the product's own refresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg

from cdp.db.queries import load_queries
from cdp.lenses.store import refresh
from cdp.model import WorkspaceId

_SQL = load_queries("bench.read", "data.sql")

BLOCK = 10_000
ACCOUNTS = 500
"""Accounts of a block."""

_AT_ONCE = 2_500
"""People whose summaries are made by one round of statements."""


async def grow(url: str, have: int, want: int) -> tuple[int, int, int]:
    """Add people until there are `want`, a multiple of BLOCK; the answer is people, accounts and events in all.

    `url` is the superuser's: facts are written without checking foreign keys. There is one workspace.
    """
    chunks = iter(range(have + 1, want + 1, _AT_ONCE))
    connection = await asyncpg.connect(url)
    try:
        workspace_id = await connection.fetchval("SELECT workspace_id FROM workspace")
        await asyncio.gather(*(_fill(url, workspace_id, chunks) for _ in range(2)))
        await connection.execute(_SQL.features, workspace_id)
        await connection.execute("UPDATE workspace SET version = version + 1")
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
        return tuple(await connection.fetchrow(_SQL.counted, workspace_id))
    finally:
        await connection.close()


async def _fill(url: str, workspace_id: WorkspaceId, chunks: Iterator[int]) -> None:
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(
            "SET plan_cache_mode = force_custom_plan; SET synchronous_commit = off; SET work_mem = '128MB'"
        )
        await connection.execute(_SQL.kinds)
        await connection.execute(_SQL.made)
        for first in chunks:
            async with connection.transaction():
                await _add(connection, workspace_id, first, first + _AT_ONCE - 1)
    finally:
        await connection.close()


async def _add(connection: asyncpg.Connection, workspace_id: WorkspaceId, first: int, last: int) -> None:
    people = (workspace_id, first, last)
    await connection.execute("SET LOCAL session_replication_role = replica")
    if (first - 1) % BLOCK == 0:
        begin = (first - 1) // BLOCK * ACCOUNTS
        await connection.execute(_SQL.accounts, workspace_id, begin + 1, begin + ACCOUNTS)
    await connection.execute(_SQL.people, *people)
    for statement in (_SQL.nodes, _SQL.evidence, _SQL.events):
        await connection.execute(statement, *people, ACCOUNTS, BLOCK)
    for statement in (_SQL.tallies, _SQL.days, _SQL.orders):
        await connection.execute(statement, workspace_id)
    await connection.execute("TRUNCATE made")
    await connection.execute(_SQL.traits, *people)
    await connection.execute("SET LOCAL session_replication_role = origin")
    await refresh(connection, workspace_id, range(first, last + 1))
    await connection.execute(_SQL.roles, *people)
