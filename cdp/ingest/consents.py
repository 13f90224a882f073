"""What people said about the use of their data: in an event's context, or before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.model import Event, EventType, Identifier, WorkspaceId

queries = load_queries("cdp.ingest", "consents.sql")

CONSENT = "consent"
"""Key of an event's context, and of a person's traits."""

LOOK_SECONDS = 1.0
"""How often is looked whether anybody in a workspace has said anything yet."""


def said(event: Event) -> dict[str, Any]:
    """What the event's `context.consent` says."""
    found = event.context.get(CONSENT)
    return found if isinstance(found, dict) else {}


class Known:
    """What is known of people's consent, looked up only in workspaces where anybody ever said anything.

    Whether that is so is looked at once a second; one that says it here is heard at once.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._looked_at: dict[WorkspaceId, float] = {}
        self._spoken: set[WorkspaceId] = set()

    async def of(self, workspace_id: WorkspaceId, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Per event, the trait `consent` of the people whom its identifiers point at, the stricter winning.

        Raises:
            Unavailable: the database is away.
        """
        if workspace_id not in self._spoken and any(map(_speaks, events)):
            self._spoken.add(workspace_id)
        if workspace_id not in self._spoken and not await self._has_anybody_spoken(workspace_id):
            return [{} for _ in events]
        return await known(self._database, workspace_id, events)

    async def _has_anybody_spoken(self, workspace_id: WorkspaceId) -> bool:
        now = self._monotonic()
        if now - self._looked_at.get(workspace_id, -LOOK_SECONDS) < LOOK_SECONDS:
            return False
        self._looked_at[workspace_id] = now
        async with self._database.connection(workspace_id) as connection:
            if await connection.fetchval(queries.any_consent, workspace_id):
                self._spoken.add(workspace_id)
        return workspace_id in self._spoken


def _speaks(event: Event) -> bool:
    """Whether an event sets the trait."""
    if event.type is EventType.IDENTIFY and CONSENT in event.properties:
        return True
    traits = event.context.get("traits")
    return traits is not None and isinstance(traits, dict) and CONSENT in traits


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
