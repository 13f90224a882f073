"""Events that plugins contribute: by the same door, and the same rules, as those that tracking clients send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from cdp.ingest.decode import Batch
from cdp.ingest.intake import Intake, Receipt
from cdp.ingest.proving import Page
from cdp.model import NewEvent, WorkspaceId


async def take_contributed(
    intake: Intake,
    workspace_id: WorkspaceId,
    plugin: str,
    events: Sequence[NewEvent],
    *,
    now: datetime,
    page: Page | None = None,
) -> Receipt:
    """Take in what a plugin contributes; what is refused is kept with its reason, as it is for anybody.

    Args:
        intake: where it goes.
        workspace_id: whose it is.
        plugin: its name.
        events: what it contributes.
        now: when it came.
        page: the plugin was asked by whom anybody could be; None: by somebody who is believed.

    Raises:
        Unavailable: the queue is full, the database is away, or the process is stopping; come again.
    """
    items = tuple(Raw(msgspec.json.encode(_item(one, now))) for one in events)
    return await intake.take(
        workspace_id, Batch(items=items), source=f"plugin:{plugin}", received_at=now, page=page
    )


def _item(event: NewEvent, now: datetime) -> dict[str, Any]:
    """An item of the tracking API."""
    context = event.context
    if event.group_id is not None and event.type != "group":
        context = {**context, "groupId": event.group_id}
    item = {
        "type": event.type,
        "messageId": event.message_id,
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "event": event.event,
        "groupId": event.group_id if event.type == "group" else None,
        "properties": event.properties or None,
        "traits": event.traits or None,
        "context": context or None,
        "timestamp": event.timestamp or now,
    }
    return {key: value for key, value in item.items() if value is not None}
