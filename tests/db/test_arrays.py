"""Arrays go to PostgreSQL and back as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.model import EventType, WorkspaceId

NOON = datetime(2026, 11, 20, 12, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [0, -5, 2**63 - 1, -(2**63)]),
        ("bigint", [None, 7]),
        ("bigint", []),
        ("text", ["", "é\0"[:1], '"{},\\', "NULL"]),
        ("text", [None, "a"]),
        ("timestamptz", [NOON, None, NOON - timedelta(days=20_000)]),
        ("boolean", [True, None, False]),
    ],
)
async def test_an_array_is_what_postgresql_takes_it_for(
    database: Database, superuser: asyncpg.Connection, workspace: WorkspaceId, kind: str, values: list[Any]
) -> None:
    """Written by us and read by asyncpg's own way, and the other way round, empty and with nulls."""
    async with database.connection(workspace) as connection:
        assert await connection.fetchval(f"SELECT $1::{kind}[]", values) == values
        said = await connection.fetchval(f"SELECT $1::{kind}[]::text", values)
    assert said == await superuser.fetchval(f"SELECT $1::{kind}[]::text", values)


async def test_anything_that_has_elements_is_an_array_but_a_text(
    database: Database, workspace: WorkspaceId
) -> None:
    async with database.connection(workspace) as connection:
        assert await connection.fetchval("SELECT $1::text[]", dict.fromkeys(EventType).keys()) == [*EventType]
        elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
        assert await connection.fetchval("SELECT $1::timestamptz[]", (elsewhere,)) == [NOON]
        with pytest.raises(asyncpg.DataError, match="an array is wanted"):
            await connection.fetchval("SELECT $1::text[]", "abc")
