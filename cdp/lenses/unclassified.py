"""Events that the catalogue does not name: kept and shown, counted for neither panel until it learns them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.lenses.catalogue import catalogue_of
from cdp.lenses.names import queries
from cdp.model import Workspace

_MOST_NAMES = 10_000


class Unclassified(Struct, frozen=True, kw_only=True):
    """One name, as clients spell it."""

    name: str
    count: int
    first_at: datetime
    last_at: datetime


async def unclassified(
    connection: Connection, workspace: Workspace, *, first: int | None = None
) -> list[Unclassified]:
    """Names of stored events that no entry names, most frequent first; `first` limits how many.

    Not listed: `identify`, `group` and `alias` calls, which are no behaviour, and names that the catalogue has entries
    for, although the conditions of none held or a default was switched off: they are known.
    """
    catalogue = catalogue_of(workspace)
    rows = await connection.fetch(queries.tracked, workspace.workspace_id, _MOST_NAMES)
    found = [Unclassified(**dict(row)) for row in rows if not catalogue.names(row["name"])]
    return found if first is None else found[: max(first, 0)]
