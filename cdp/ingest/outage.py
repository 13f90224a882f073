"""While the database is away, requests are answered at once rather than held until they fail."""

from __future__ import annotations

import random
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_FIRST, _LONGEST = 0.2, 3.0
"""Seconds until a flush tries again, the first and at most; each is shortened at random by up to a half."""


class Outage:
    """Whether the database can be written to, as far as the last flush knows.

    After a flush that failed for everybody's sake, what comes is refused for a moment; then one flush goes to see, and
    where it fails the moment is twice as long.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = 0.0
        self._pause = 0.0

    def begin(self, reason: str) -> None:
        """A flush failed: `reason` is a sentence for those who operate it."""
        now = self._monotonic()
        if now < self._until:
            return  # those that were under way with it say nothing new
        log.warning("ingest_pauses", reason=reason)
        self._pause = min(_LONGEST, 2 * self._pause or _FIRST)
        self._until = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - it only spreads tries in time

    def end(self) -> None:
        """A flush was committed."""
        self._until = self._pause = 0.0

    @property
    def refusing(self) -> bool:
        """Whether it is too early to try again."""
        return self._until > 0.0 and self._monotonic() < self._until
