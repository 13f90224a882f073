"""What an examination finds."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    """It works, and will not for ever, or not as well as it could."""
    FAIL = "FAIL"
    """It does not work, or what is acknowledged may be lost."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    level: Level
    says: str
    remedy: str | None = None
    """What to do about it, in one sentence or command."""


def ok(subject: str, says: str) -> Finding:
    """It is well."""
    return Finding(subject=subject, level=Level.OK, says=says)


def warn(subject: str, says: str, remedy: str) -> Finding:
    """It will not be well for ever."""
    return Finding(subject=subject, level=Level.WARN, says=says, remedy=remedy)


def fail(subject: str, says: str, remedy: str | None = None) -> Finding:
    """It is not well."""
    return Finding(subject=subject, level=Level.FAIL, says=says, remedy=remedy)


def age(seconds: float) -> str:
    """A length of time for people: `40 s`, `12 min`, `3 h`, `9 days`."""
    for unit, length in (("days", 172_800), ("h", 7_200), ("min", 120)):
        if seconds >= length:
            return f"{seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(amount: float) -> str:
    """Bytes for people."""
    for unit, length in (("GiB", 2**30), ("MiB", 2**20), ("kB", 2**10)):
        if amount >= length:
            return f"{amount / length:.1f} {unit}"
    return f"{amount:.0f} bytes"
