"""Refused items: kept for 30 days with the reason, listed, replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.identity.kinds import ANONYMOUS_ID, DEVICE_ID, EMAIL, PHONE, USER_ID
from cdp.ingest.results import Refusal
from cdp.ingest.transaction import queries
from cdp.model import Event, EventType, WorkspaceId

KEPT = timedelta(days=30)
"""How long refused items are kept."""


class RefusedItem(Struct, frozen=True, kw_only=True):
    """An item that was not stored."""

    refused_id: int
    received_at: datetime
    source: str
    code: str
    message: str
    body: bytes
    """A batch of the one item as it arrived; or, as it arrived, a whole body that was not a batch."""
    replayed_at: datetime | None


class Kept(Struct, frozen=True, kw_only=True):
    """A refusal to be kept, its body one that `decode_batch` may read some day."""

    refusal: Refusal
    source: str
    received_at: datetime


async def keep(connection: Connection, workspace_id: WorkspaceId, items: Sequence[Kept]) -> None:
    """Keep refused items in the caller's transaction."""
    if not items:
        return
    await connection.execute(
        queries.keep_refused,
        workspace_id,
        [item.received_at for item in items],
        [item.source for item in items],
        [item.refusal.code for item in items],
        [item.refusal.message for item in items],
        [item.refusal.body for item in items],
    )


async def list_refused(
    connection: Connection, workspace_id: WorkspaceId, *, before: int | None = None, limit: int = 100
) -> list[RefusedItem]:
    """The newest refused items first; `before` is the id of the last one of the page before."""
    rows = await connection.fetch(queries.list_refused, workspace_id, before, limit)
    return [RefusedItem(**row) for row in rows]


async def expire(connection: Connection, workspace_id: WorkspaceId, now: datetime, *, limit: int) -> int:
    """Forget what was kept long enough, at most `limit` items; returns how many they were."""
    status: str = await connection.execute(queries.expire_refused, workspace_id, now - KEPT, limit)
    return int(status.rpartition(" ")[2])


def as_batch(event: Event) -> bytes:
    """A batch that would make this event, for one whose text as it arrived is not at hand."""
    values: dict[str, list[str]] = {}
    for identifier in event.identifiers:
        values.setdefault(identifier.kind, []).append(identifier.value)
    context = dict(event.context)
    traits = {kind: values[kind][0] for kind in (EMAIL, PHONE) if kind in values}
    if traits:
        given = context.get("traits")
        context["traits"] = {**(given if isinstance(given, dict) else {}), **traits}
    external = [
        {"type": identifier.kind, "id": identifier.value}
        for identifier in event.identifiers
        if identifier.kind not in {USER_ID, ANONYMOUS_ID, EMAIL, PHONE, DEVICE_ID}
    ]
    if external:
        context["externalIds"] = external
    if DEVICE_ID in values:
        context["device"] = {"id": values[DEVICE_ID][0]}
    if event.account is not None and event.account.group_id and event.type is not EventType.GROUP:
        context["groupId"] = event.account.group_id
    item: dict[str, Any] = {
        "type": event.type,
        "messageId": event.message_id,
        "userId": values.get(USER_ID, [None])[0],
        "anonymousId": values.get(ANONYMOUS_ID, [None])[0],
        "timestamp": event.occurred_at,
        "context": context,
    }
    match event.type:
        case EventType.TRACK:
            item |= {"event": event.name, "properties": event.properties}
        case EventType.PAGE | EventType.SCREEN:
            item["properties"] = event.properties
        case EventType.IDENTIFY:
            item["traits"] = event.properties
        case EventType.GROUP:
            item |= {"traits": event.properties, "groupId": event.account and event.account.group_id}
        case EventType.ALIAS:
            item |= event.properties
    head = {} if event.proven is not None else {"keptBelieved": True}
    return msgspec.json.encode({"batch": [item], **head})
