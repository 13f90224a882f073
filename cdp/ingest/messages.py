"""A message counts once: which message ids were stored, by the month in which they came.

Ids are looked for in every month that is kept, and written into the current one. Around the turn of a month they are
written into both months, so that two transactions that hold the same id meet in one of them, whichever clock is ahead.
What files bring is written down for good besides: its ids follow from the file, which may be imported years later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import Event, WorkspaceId

queries = load_queries("cdp.ingest", "store.sql")

TURN = timedelta(minutes=5)
"""So long before and after the turn of a month ids are written into both months: longer than any transaction of ingest
takes, and than clocks of servers differ."""

FOR_GOOD = date.max
"""The month of what is never forgotten; PostgreSQL's infinity."""

IMPORTED = "import"


async def remember(
    connection: Connection, workspace_id: WorkspaceId, events: Sequence[Event], now: datetime
) -> list[bool]:
    """Per event, whether its message id is new; of several with the same id the first one is.

    Written in one order, so that two transactions that hold the same ids take turns.
    """
    first: dict[bytes, int] = {}
    imported: set[bytes] = set()
    for index, event in enumerate(events):
        hash_ = hashlib.md5(event.message_id.encode(), usedforsecurity=False).digest()
        if first.setdefault(hash_, index) == index and event.source == IMPORTED:
            imported.add(hash_)
    months = months_at(now)
    known = await _write(connection, workspace_id, first.keys() - imported, months)
    if imported:
        known |= await _write(connection, workspace_id, imported, [*months, FOR_GOOD])
    if not known and len(first) == len(events):
        return [True] * len(events)
    fresh = [False] * len(events)
    for hash_ in first.keys() - known:
        fresh[first[hash_]] = True
    return fresh


async def _write(
    connection: Connection, workspace_id: WorkspaceId, hashes: set[bytes], months: Sequence[date]
) -> set[bytes]:
    """Those that were in one of these months, or of those before, already."""
    if not hashes:
        return set()
    known = await connection.fetchval(queries.store_messages, workspace_id, sorted(hashes), months)
    return set(known or ())


def months_at(now: datetime) -> list[date]:
    """The first day of the month of `now`; of both, ascending, while it turns."""
    around = (now.astimezone(UTC) + shift for shift in (-TURN, TURN))
    return sorted({moment.date().replace(day=1) for moment in around})
