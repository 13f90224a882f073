"""The ingest path on a real database, without HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.identity.kinds import make_kinds
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.flush import FlushReport, Observer
from cdp.ingest.intake import Intake
from cdp.ingest.passage import Passage
from cdp.ingest.seals import Seals
from cdp.model import Event, EventType, Identifier, ProfileId, WorkspaceId
from cdp.settings import Settings
from cdp.workspaces.cache import Workspaces
from cdp.workspaces.plugin_catalogue import PluginCatalogue

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Observed:
    """An observer that remembers."""

    reports: list[FlushReport] = field(default_factory=list)
    queue: list[int] = field(default_factory=list)
    away: int = 0

    def flushed(self, report: FlushReport) -> None:
        self.reports.append(report)

    def queued(self, events: int) -> None:
        self.queue.append(events)

    def turned_away(self, events: int) -> None:
        self.away += events


@dataclass
class Ingest:
    database: Database
    accumulator: Accumulator
    intake: Intake
    observed: Observed
    committed: list[tuple[WorkspaceId, frozenset[ProfileId]]]


@asynccontextmanager
async def open_ingest(
    database: Database,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = lambda: NOON,
    plugins: Plugins | None = None,
    **settings: Any,
) -> AsyncIterator[Ingest]:
    observed = Observed()
    committed: list[tuple[WorkspaceId, frozenset[ProfileId]]] = []
    workspaces = Workspaces(database)
    kinds = make_kinds() if plugins is None else make_kinds(*plugins.identifier_kinds())
    accumulator = Accumulator(
        database,
        workspaces,
        kinds,
        settings=Settings(**settings),
        clock=clock,
        metrics=observer or observed,
        committed=lambda workspace_id, touched: committed.append((workspace_id, touched)),
    )
    intake = Intake(
        accumulator,
        workspaces,
        clock=clock,
        passage=None if plugins is None else Passage(plugins, kinds, database),
        seals=Seals(settings.get("seal_keys")),
        catalogue=None if plugins is None else PluginCatalogue(plugins, database, workspaces),
    )
    yield Ingest(database, accumulator, intake, observed, committed)
    await accumulator.aclose()


def event(message_id: str, user_id: str = "u1", **changes: Any) -> Event:
    """A track call at noon."""
    values: dict[str, Any] = {
        "message_id": message_id,
        "type": EventType.TRACK,
        "name": "Pricing Viewed",
        "occurred_at": NOON,
        "received_at": NOON,
        "identifiers": (Identifier("user_id", user_id),),
    }
    return Event(**(values | changes))


async def stored_ids(database: Database, workspace_id: WorkspaceId) -> list[str]:
    """Message ids of the stored events, sorted, each as often as it is there."""
    async with database.connection(workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT message_id FROM event WHERE workspace_id = $1 ORDER BY message_id", workspace_id
        )
    return [row["message_id"] for row in rows]
