"""The roles that people hold now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import AccountId, Evidence, ProfileId, WorkspaceId
from cdp.roles.decide import Place

_queries = load_queries("cdp.roles", "store.sql")
_evidence = msgspec.json.Decoder(tuple[Evidence, ...])


class CurrentRole(Struct, frozen=True, kw_only=True):
    """One source's claim, or one person's assertion, that is in force."""

    role: str
    confidence: float
    """1 for what a person asserted."""
    source: str
    """The plugin that claims it, or `human:<name of the key>`."""
    evidence: tuple[Evidence, ...]
    since: datetime
    until: datetime | None


async def current_roles(
    connection: Connection, workspace_id: WorkspaceId, places: Sequence[Place], *, as_of: datetime
) -> dict[Place, tuple[CurrentRole, ...]]:
    """For each membership what is claimed, all sources beside each other, strongest first; absent: nothing is."""
    rows = await connection.fetch(
        _queries.current_roles,
        workspace_id,
        [profile_id for profile_id, _ in places],
        [account_id for _, account_id in places],
        as_of,
    )
    found: dict[Place, list[CurrentRole]] = {}
    for row in rows:
        place = (ProfileId(row["profile_id"]), AccountId(row["account_id"]))
        found.setdefault(place, []).append(
            CurrentRole(
                role=row["role"],
                confidence=row["confidence"],
                source=row["source"],
                evidence=_evidence.decode(row["evidence"])
                if row["evidence"]
                else _said(row["source"], row["note"]),
                since=row["since"],
                until=row["until"],
            )
        )
    return {place: tuple(sorted(roles, key=_strongest_first)) for place, roles in found.items()}


def role_names(roles: Sequence[CurrentRole]) -> tuple[str, ...]:
    """Each role once, in the order given."""
    return tuple(dict.fromkeys(role.role for role in roles))


def _strongest_first(role: CurrentRole) -> tuple[bool, float, str, str]:
    """What a person asserted outranks what was inferred, however surely."""
    return (not role.source.startswith("human:"), -role.confidence, role.role, role.source)


def _said(source: str, note: str | None) -> tuple[Evidence, ...]:
    who = source.removeprefix("human:")
    return (Evidence(reason=f"{who} says so" + (f": {note}" if note else "")),)
