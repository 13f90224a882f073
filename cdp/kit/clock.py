"""A clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 1, 15, 12, tzinfo=UTC)
"""What a new clock says: a Thursday, at noon."""


class Clock:
    """Stands until it is told to go on, so that whole answers can be compared."""

    def __init__(self, now: datetime = BEGINNING) -> None:
        self._now = now

    @property
    def now(self) -> datetime:
        """The time, with its zone; it may be set."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone; write datetime(…, tzinfo=UTC).")
        self._now = moment

    def advance(self, **by: float) -> None:
        """Go on: `advance(days=3)`, with the arguments of `timedelta`."""
        self._now += timedelta(**by)

    def __call__(self) -> datetime:
        """What it says, for the core to ask."""
        return self._now
