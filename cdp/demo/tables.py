"""The demo's tables, as they were published, and stable draws that replace randomness."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

Row = dict[str, str]
Item = dict[str, Any]
"""One call of the tracking API, as a client would send it in a batch."""


def read(table: str) -> list[Row]:
    """The rows of `<data set>/<table>`, such as `b2b/contacts`."""
    with gzip.open(DATA / f"{table}.csv.gz", "rt", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone: the same on every machine, in every run and order."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def at(day: date, *key: object, hours: tuple[float, float] = (8, 18)) -> datetime:
    """A moment of that day between the two hours (UTC), by the key alone: the `b2b` data knows days only."""
    first, last = hours
    seconds = int((first + draw("time of day", *key) * (last - first)) * 3600)
    return datetime.combine(day, time(), UTC) + timedelta(seconds=seconds)


def shift_to(last_day: date, today: date) -> timedelta:
    """The one constant that moves a data set so that its last day is yesterday."""
    return today - timedelta(days=1) - last_day


def moved(value: Any, shift: timedelta) -> Any:
    """An item, or a part of one, with every date in it moved by the constant."""
    match value:
        case dict():
            return {key: moved(part, shift) for key, part in value.items()}
        case list():
            return [moved(part, shift) for part in value]
        case date():  # and datetime, which is one
            return (value + shift).isoformat()
        case _:
            return value
