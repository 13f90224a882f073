"""A workspace of defaults and its events, for the tests that need no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cdp.lenses.catalogue import merge_entries
from cdp.model import Event, EventType, Workspace, WorkspaceId, WorkspaceSettings

EPOCH = datetime(2026, 11, 20, tzinfo=UTC)
WORKSPACE = Workspace(
    workspace_id=WorkspaceId(1),
    name="Acme",
    version=1,
    epoch=EPOCH,
    settings=WorkspaceSettings(),
    entries=merge_entries([]),
    features=(),
)


def event(name: str, properties: dict[str, Any] | None = None, /, **fields: Any) -> Event:
    fields = {"message_id": "m", "type": EventType.TRACK, "occurred_at": EPOCH} | fields
    return Event(name=name, properties=properties or {}, received_at=EPOCH, identifiers=(), **fields)
