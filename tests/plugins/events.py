"""Events for the tests of plugins on the way of an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cdp.model import Batch, Event, EventType, Identifier

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def event(name: str = "Pricing Viewed", **changes: Any) -> Event:
    """A track call at noon."""
    values: dict[str, Any] = {
        "message_id": "m1",
        "type": EventType.TRACK,
        "name": name,
        "occurred_at": NOON,
        "received_at": NOON,
        "identifiers": (Identifier("user_id", "u1"),),
    }
    return Event(**(values | changes))


def batch(*events: Event) -> Batch[Event]:
    """What came together."""
    return Batch(events)
