"""What has to be done from time to time, by whichever worker gets to it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import asyncpg
import stamina

from cdp import changes, enrichment
from cdp.db.pool import Connection, Database
from cdp.ingest import refused
from cdp.lenses import settlement
from cdp.model import ProfileId, WorkspaceId, WorkspaceSettings
from cdp.settle.queue import queries

DEFAULTS = WorkspaceSettings()
MONTHS_AHEAD = 3
CHUNK = 1_000


async def partitions(database: Database, *, today: date) -> int:
    """Make the partitions of this month's events and of the next three; how many were missing."""
    made = 0
    async with database.unbound() as connection:
        for month in months_from(today, MONTHS_AHEAD + 1):
            made += await _when_free(connection, queries.ensure_partition, month)
    return made


async def _when_free(connection: Connection, query: str, *values: object) -> int:
    """Ask for what locks tables, again when others keep it from them.

    It waits for a second at most, for others wait behind it meanwhile.

    Raises:
        asyncpg.LockNotAvailableError: they kept it from them all the time; the next upkeep will do.
    """
    async for attempt in stamina.retry_context(on=asyncpg.LockNotAvailableError, attempts=5, timeout=30.0):
        with attempt:
            return int(await connection.fetchval(query, *values))
    raise AssertionError("stamina raises what it gives up on")


async def their_time(database: Database) -> datetime:
    """What the database's clock says."""
    async with database.unbound() as connection:
        now: datetime = await connection.fetchval(queries.their_time)
    return now


async def message_months(database: Database, *, today: date) -> int:
    """Make room for the ids of this month's messages and of the next month's, and forget months that are over.

    The answer is how many were made or forgotten.
    """
    changed: int = 0
    async with database.unbound() as connection:
        # Ids are looked for in every month that there is: no more of them than it takes.
        for month in months_from(today, 2):
            changed += await _when_free(connection, queries.ensure_message_partition, month)
        changed += await _when_free(connection, queries.forget_messages, today, DEFAULTS.message_days)
    return changed


async def expire(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> int:
    """Delete refused events and enriched traits whose time is over; how many, a chunk at a time."""
    async with database.connection(workspace_id) as connection:
        forgotten = await refused.expire(connection, workspace_id, now, limit=CHUNK)
        forgotten += await enrichment.forget_calls(connection, workspace_id, now=now, limit=CHUNK)
        return forgotten + await enrichment.expire(connection, workspace_id, now=now, limit=CHUNK)


async def ask_again(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> int:
    """Have people settled whose enrichment is due again; how many."""
    async with database.transaction(workspace_id) as connection:
        rows = await connection.fetch(queries.forget_answers, workspace_id, now, CHUNK)
        profile_ids = {ProfileId(row["profile_id"]) for row in rows}
        await settlement.note(connection, workspace_id, profile_ids, now)
        accounts = await enrichment.note_due_accounts(connection, workspace_id, now=now, limit=CHUNK)
    return len(profile_ids) + accounts


async def notice_fading(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> int:
    """Have people settled whom time alone has moved along a journey, where plugins want to know; how many."""
    async with database.transaction(workspace_id) as connection:
        profile_ids = await changes.faded(connection, workspace_id, now=now, limit=CHUNK)
        await settlement.note(connection, workspace_id, profile_ids, now)
    return len(profile_ids)


def months_from(day: date, count: int) -> list[date]:
    """The first days of this month and of those after it, `count` in all."""
    months = [day.replace(day=1)]
    while len(months) < count:
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    return months
