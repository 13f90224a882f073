"""When an event occurred."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp.ingest.times import occurred_at, parse_time

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-04T12:00:00Z", NOON),
        ("2026-03-04t12:00:00z", NOON),
        ("2026-03-04T12:00:00", NOON),
        ("2026-03-04 12:00:00", NOON),
        ("2026-03-04 12:00:00 UTC", NOON),
        (" 2026-03-04T12:00:00Z ", NOON),
        ("2026-03-04T13:30:00+01:30", NOON),
        ("2026-03-04T13:30:00+0130", NOON),
        ("2026-03-04T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-03-04T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456)),
        ("2026-03-04", NOON - timedelta(hours=12)),
        ("2026-03-04T11:59:60Z", NOON - timedelta(seconds=1)),
        (1_772_625_600, NOON),
        (1_772_625_600.5, NOON + timedelta(milliseconds=500)),
        (1_772_625_600_000, NOON),
        (None, None),
        ("", None),
    ],
)
def test_times_are_read_as_clients_write_them(text: Any, expected: datetime | None) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "0000-01-01T00:00:00Z",
        "2026-02-30",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        10**400,
        10**17,
        True,
        {},
        [],
    ],
)
def test_what_is_no_time_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="."):
        parse_time(value)


def test_a_wrong_clock_is_corrected_by_when_it_sent() -> None:
    wrong = timedelta(days=400, hours=3)
    original = NOON - timedelta(minutes=5) + wrong
    assert occurred_at(original, NOON + wrong, NOON) == NOON - timedelta(minutes=5)


def test_an_event_is_never_later_than_its_arrival() -> None:
    assert occurred_at(NOON + timedelta(hours=1), NOON, NOON) == NOON
    assert occurred_at(NOON + timedelta(hours=1), None, NOON) == NOON


def test_without_the_sending_time_the_clock_is_believed() -> None:
    assert occurred_at(NOON - timedelta(days=3), None, NOON) == NOON - timedelta(days=3)


def test_without_a_time_it_occurred_when_it_arrived() -> None:
    assert occurred_at(None, NOON - timedelta(days=1), NOON) == NOON


@pytest.mark.parametrize(
    ("original", "sent_at"),
    [
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), None),
        (datetime(1, 1, 1, tzinfo=UTC), NOON),
        (datetime(9999, 12, 31, tzinfo=UTC), None),
        (datetime(9999, 12, 31, tzinfo=UTC), NOON),
        (datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_absurd_times_are_errors_and_never_clamped(original: datetime, sent_at: datetime | None) -> None:
    with pytest.raises(ValueError, match="1970|future|range"):
        occurred_at(original, sent_at, NOON)


def test_a_clock_that_is_wrong_by_centuries_and_consistent_is_corrected() -> None:
    sent_at = datetime(2206, 1, 1, tzinfo=UTC)
    assert occurred_at(sent_at - timedelta(hours=1), sent_at, NOON) == NOON - timedelta(hours=1)
