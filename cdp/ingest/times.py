"""When an event occurred, from what clients write about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Nobody tracked anything before: such a time is a mistake."""

MOST_AHEAD = timedelta(days=366)
"""A corrected time that is further in the future is a mistake; a nearer one is taken for the moment of arrival."""

_MILLISECONDS_FROM = 100_000_000_000
"""Numbers from here on are milliseconds since 1970, smaller ones seconds."""


def parse_time(value: Any) -> datetime | None:
    """A time as clients write it, in UTC; None for an absent one (null or empty).

    ISO 8601 with or without a zone (UTC then), RFC 3339 with its lower-case letters and leap seconds, and numbers:
    seconds or milliseconds since 1970.

    Raises:
        ValueError: it is none of these, or not in the years 1 to 9999.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = datetime.fromisoformat(_tidied(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return EARLIEST + timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError("it is out of range") from None
    else:
        raise ValueError("it is neither a text nor a number")  # noqa: TRY004 - one error for all that is no time
    zone = moment.tzinfo
    if zone is UTC:
        return moment
    if zone is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is out of range") from None


def occurred_at(original: datetime | None, sent_at: datetime | None, received_at: datetime) -> datetime:
    """The time of the event by our clock: received − (sent − original), and never later than received.

    A client's clock may be wrong by any amount; the difference of two of its readings is still right.

    Raises:
        ValueError: the corrected time is before `EARLIEST` or further ahead than `MOST_AHEAD`.
    """
    if original is None:
        return received_at
    try:
        moment = original if sent_at is None else received_at - (sent_at - original)
    except OverflowError:
        raise ValueError("it is out of range") from None
    if moment < EARLIEST:
        raise ValueError(f"it is before {EARLIEST.year}")
    if moment > received_at:
        if moment - received_at > MOST_AHEAD:
            raise ValueError("it is more than a year in the future")
        return received_at
    return moment


def _tidied(text: str) -> str:
    """What RFC 3339 and common clients write and `fromisoformat` does not read."""
    text = text.strip().upper().removesuffix("UTC").rstrip()
    # A leap second: the one before it is as near as a clock without them can say.
    if len(text) > 19 and text[17:19] == "60":
        text = f"{text[:17]}59{text[19:]}"
    return text
