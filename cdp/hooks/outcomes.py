"""What became of a call: an answer, or a failure that somebody is told about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from cdp.hooks.health import FailureKind

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answered(Struct, Generic[T_co], frozen=True):
    """The hook's answer, checked."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer; what the plugin contributed before stays as it is."""

    kind: FailureKind
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a guard did not let pass, or could not be asked about."""

    plugin: str
    kind: FailureKind | None = None
    """How asking it failed; None: it answered, and holds it."""
    reason: str = ""
    """In the plugin's own words, which may hold anybody's data."""


Outcome: TypeAlias = Answered[T] | Failed


class Refused(Exception):
    """An answer that the hook does not allow; the message says what is wrong with it."""
