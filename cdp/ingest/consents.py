"""What people said about the use of their data: in an event's context, or before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.model import Event, Identifier, WorkspaceId

queries = load_queries("cdp.ingest", "consents.sql")

CONSENT = "consent"
"""Key of an event's context, and of a person's traits."""


def said(event: Event) -> dict[str, Any]:
    """What the event's `context.consent` says."""
    found = event.context.get(CONSENT)
    return found if isinstance(found, dict) else {}


async def known(
    database: Database, workspace_id: WorkspaceId, events: Sequence[Event]
) -> list[dict[str, Any]]:
    """Per event, the trait `consent` of the people whom its identifiers point at, the stricter winning.

    Raises:
        Unavailable: the database is away.
    """
    wanted = list(dict.fromkeys(identifier for event in events for identifier in event.identifiers))
    async with database.connection(workspace_id) as connection:
        rows = await connection.fetch(
            queries.known_consents,
            workspace_id,
            [one.kind for one in wanted],
            [one.value for one in wanted],
        )
    of: dict[Identifier, list[Mapping[str, Any]]] = {}
    for position, text in rows:
        value = msgspec.json.decode(text)
        if isinstance(value, dict):
            of.setdefault(wanted[position - 1], []).append(value)
    if not of:
        return [{} for _ in events]
    return [
        stricter(value for identifier in event.identifiers for value in of.get(identifier, ()))
        for event in events
    ]


def stricter(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What several statements say together: where one says no, it is no."""
    together: dict[str, Any] = {}
    for one in several:
        for key, value in one.items():
            before = together.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                together[key] = stricter((before, value))
            elif key not in together or value is False:
                together[key] = value
    return together
