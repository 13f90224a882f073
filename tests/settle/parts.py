"""A worker on a real database, with plugins that the test holds in its hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.identity.kinds import make_kinds
from cdp.ingest import transaction
from cdp.model import (
    EnrichedTrait,
    Event,
    EventType,
    Evidence,
    Identifier,
    MembershipFacts,
    ProfileId,
    RoleContribution,
    WorkspaceId,
)
from cdp.settle.worker import Worker
from cdp.workspaces.cache import Workspaces

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Clock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def event(message_id: str, user_id: str, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "message_id": message_id,
        "type": EventType.TRACK,
        "name": "Signed In",
        "occurred_at": NOON,
        "received_at": NOON,
        "identifiers": (Identifier("user_id", user_id),),
    }
    return Event(**(values | changes))


async def ingest(
    database: Database, workspace_id: WorkspaceId, events: Iterable[Event]
) -> frozenset[ProfileId]:
    """Store events as the ingest path does."""
    workspaces = Workspaces(database)
    async with database.transaction(workspace_id) as connection:
        await transaction.lock(connection, workspace_id)
        workspace = await workspaces.fresh(connection, workspace_id)
        stored = await transaction.store(connection, workspace, list(events), make_kinds(), NOON)
    return stored.touched


def make_worker(
    database: Database, plugins: Plugins, clock: Callable[[], datetime], **changes: Any
) -> Worker:
    return Worker(database, Workspaces(database), plugins, clock=clock, **changes)


def claim(role: str = "END_USER", confidence: float = 0.5) -> RoleContribution:
    return RoleContribution(role=role, confidence=confidence, evidence=(Evidence(reason="told so"),))


def resolver(function: Callable[[MembershipFacts], list[RoleContribution]]) -> SimpleNamespace:
    """A plugin that resolves roles."""

    def resolve_roles(membership: MembershipFacts) -> list[RoleContribution]:
        return function(membership)

    return SimpleNamespace(resolve_roles=hookimpl(resolve_roles))


def enricher(function: Callable[[Any], list[EnrichedTrait]]) -> SimpleNamespace:
    """A plugin that enriches."""

    def enrich_person(request: Any) -> list[EnrichedTrait]:
        return function(request)

    return SimpleNamespace(enrich_person=hookimpl(enrich_person))


class Gate:
    """Holds a plugin's thread until the test lets it through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)


async def rows(database: Database, workspace_id: WorkspaceId, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query that has the workspace as $1."""
    async with database.connection(workspace_id) as connection:
        return [tuple(row) for row in await connection.fetch(query, workspace_id)]


CLAIMS = """
SELECT n.value, c.role, c.source, c.confidence, c.since, c.until
FROM role_claim c JOIN node n ON n.workspace_id = $1 AND n.profile_id = c.profile_id AND n.kind = 'user_id'
WHERE c.workspace_id = $1 ORDER BY c.claim_id
"""
WAITING = """
SELECT n.value, s.version, s.attempts, s.claimed_until IS NOT NULL
FROM settlement s JOIN node n ON n.workspace_id = $1 AND n.profile_id = s.profile_id AND n.kind = 'user_id'
WHERE s.workspace_id = $1 ORDER BY n.value
"""
