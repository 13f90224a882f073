"""What became of a call: an answer, or a failure that somebody is told about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from cdp.hooks.health import FailureKind

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Answered(Generic[T_co]):
    """The hook's answer, checked."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer; what the plugin contributed before stays as it is."""

    kind: FailureKind
    error: str


Outcome: TypeAlias = Answered[T] | Failed


class Refused(Exception):
    """An answer that the hook does not allow; the message says what is wrong with it."""
