"""What happens to an event before it is stored, and what it means."""

from __future__ import annotations

from typing import Protocol


class EventHooks(Protocol):
    """Hooks of events."""
