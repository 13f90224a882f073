"""A small world of people seen through their identifiers, on a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from cdp.db.pool import Database
from cdp.identity.kinds import make_kinds, strongest_first
from cdp.identity.merge import merge
from cdp.identity.split import split
from cdp.identity.store import Resolution, resolve
from cdp.lenses.store import begin
from cdp.model import Event, EventType, Identifier, IdentifierKind, ProfileId, WorkspaceId

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

SHORT = {"u": "user_id", "e": "email", "p": "phone", "d": "device_id", "a": "anonymous_id"}


def ids(text: str) -> tuple[Identifier, ...]:
    """`u:1 a:x` → the user id 1 and the anonymous id x."""
    pairs = (one.split(":", 1) for one in text.split())
    return tuple(Identifier(SHORT.get(kind, kind), value) for kind, value in pairs)


def one(text: str) -> Identifier:
    return ids(text)[0]


@dataclass
class World:
    database: Database
    workspace_id: WorkspaceId
    kinds: dict[str, IdentifierKind] = field(default_factory=make_kinds)
    _numbers: Any = field(default_factory=lambda: count(1))

    def event(self, text: str, *, call: EventType = EventType.TRACK, at: datetime | None = None) -> Event:
        number = next(self._numbers)
        at = at or NOW + timedelta(seconds=number)
        return Event(
            message_id=f"m{number}",
            type=call,
            name="Something Happened",
            occurred_at=at,
            received_at=at,
            identifiers=strongest_first(self.kinds, ids(text)),
        )

    async def take(self, events: Sequence[Event]) -> Resolution:
        async with self.database.transaction(self.workspace_id) as connection:
            resolution = await resolve(connection, self.workspace_id, events, self.kinds, NOW)
            await begin(connection, self.workspace_id, resolution.born, NOW)
            return resolution

    async def see(self, *texts: str) -> Resolution:
        """One flush of one event for each text."""
        return await self.take([self.event(text) for text in texts])

    async def alias(self, text: str) -> Resolution:
        return await self.take([self.event(text, call=EventType.ALIAS)])

    async def merge(self, into: ProfileId, from_: ProfileId, reason: str | None = None) -> ProfileId:
        async with self.database.transaction(self.workspace_id) as connection:
            return await merge(
                connection, self.workspace_id, into, from_, by="Ann", reason=reason, now=NOW, kinds=self.kinds
            )

    async def split(self, profile_id: ProfileId, text: str) -> tuple[ProfileId, ProfileId]:
        async with self.database.transaction(self.workspace_id) as connection:
            return await split(
                connection,
                self.workspace_id,
                profile_id,
                ids(text),
                by="Ann",
                reason="a mistake",
                now=NOW,
                kinds=self.kinds,
            )

    async def profiles(self) -> dict[ProfileId, set[str]]:
        """Identifiers by profile, as `kind:value`."""
        found: dict[ProfileId, set[str]] = {}
        for row in await self.rows("SELECT profile_id, kind, value FROM node WHERE workspace_id = $1"):
            found.setdefault(row["profile_id"], set()).add(f"{row['kind']}:{row['value']}")
        return found

    async def people(self) -> set[frozenset[str]]:
        return {frozenset(values) for values in (await self.profiles()).values()}

    async def aliases(self) -> dict[ProfileId, ProfileId]:
        rows = await self.rows(
            "SELECT profile_id, merged_into FROM profile WHERE workspace_id = $1 AND merged_into IS NOT NULL"
        )
        return {row["profile_id"]: row["merged_into"] for row in rows}

    async def profile(self, text: str) -> ProfileId:
        identifier = one(text)
        rows = await self.rows(
            "SELECT profile_id FROM node WHERE workspace_id = $1 AND kind = $2 AND value = $3",
            identifier.kind,
            identifier.value,
        )
        return ProfileId(rows[0]["profile_id"])

    async def links(self, state: str) -> list[dict[str, Any]]:
        """In the order in which they were made; ends as `kind:value`, the node that was born first in front."""
        rows = await self.rows(
            "SELECT a.kind || ':' || a.value AS one, b.kind || ':' || b.value AS other, l.rule, l.reason, l.times, "
            "l.first_at, l.last_at, l.evidence FROM link l "
            "JOIN node a ON a.workspace_id = $1 AND a.node_id = l.node_a "
            "JOIN node b ON b.workspace_id = $1 AND b.node_id = l.node_b "
            "WHERE l.workspace_id = $1 AND l.state = $2::text::link_state ORDER BY one, other",
            state,
        )
        return [dict(row) for row in rows]

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        async with self.database.connection(self.workspace_id) as connection:
            return list(await connection.fetch(query, self.workspace_id, *arguments))
