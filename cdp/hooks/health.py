"""How plugins do: counters, the last error, and the circuit that leaves a failing one alone for a while."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from cdp.model import PluginInfo


class FailureKind(StrEnum):
    """Why a call had no effect."""

    RAISED = "RAISED"
    TIMED_OUT = "TIMED_OUT"
    REFUSED = "REFUSED"
    """It returned something that the hook does not allow."""
    BLOCKED = "BLOCKED"
    """It kept an event loop, or the whole process, from running; its call may have had an effect all the same."""
    SKIPPED = "SKIPPED"
    """It was not made: the circuit is open, every thread of the plugin hangs, or the batch's time was up."""


class CircuitState(StrEnum):
    """CLOSED: called; OPEN: left alone; HALF_OPEN: one call will be tried."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class HookHealth(Struct, frozen=True, kw_only=True):
    """One plugin in one hook since the process started."""

    hook: str
    calls: int
    """Calls that were made."""
    failures: int
    """… of which raised."""
    timeouts: int
    refused: int
    """… whose answer was not allowed."""
    skipped: int
    """Calls that were not made."""
    last_kind: FailureKind | None
    last_error: str | None
    """What the plugin raised, in its own words, which may hold anybody's data."""
    last_error_at: datetime | None
    circuit: CircuitState
    seconds: float = 0.0
    """Time that the calls took, all together."""
    slowest_seconds: float = 0.0
    times: tuple[int, ...] = ()
    """How many calls took at most so many seconds: one for each of `TIMES`, and those that took longer at the end."""


class PluginHealth(Struct, frozen=True, kw_only=True):
    """One plugin, loaded or not."""

    name: str
    version: str
    source: str
    """Where it came from: the distribution, or the file."""
    loaded: bool
    error: str | None
    """Why it is not loaded."""
    hooks: tuple[HookHealth, ...]
    info: PluginInfo = PluginInfo()
    blocked_seconds: float = 0.0
    """For how long it kept an event loop, its own or the application's, from running."""
    memory_bytes: int = 0
    """The most by which the process grew during its calls, as far as that was seen."""


TIMES = (0.000_1, 0.001, 0.01, 0.1, 1.0)
"""Bounds by which the times of calls are told apart, in seconds."""


class Circuit:
    """Opens after `threshold` failures in a row, for `seconds`; then one call decides. Safe to use from threads."""

    def __init__(self, *, threshold: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._threshold = threshold
        self._seconds = seconds
        self._monotonic = monotonic
        self._failures_in_row = 0
        self._opened_at: float | None = None
        self._trying = False
        self._lock = threading.Lock()

    @property
    def state(self) -> CircuitState:
        """What it is now."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        if self._monotonic() - self._opened_at >= self._seconds:
            return CircuitState.HALF_OPEN
        return CircuitState.OPEN

    @property
    def clean(self) -> bool:
        """Whether nothing has failed since the last success."""
        return self._failures_in_row == 0 and self._opened_at is None

    def admit(self) -> bool:
        """Whether the next call may be made; each admission must be followed by `succeeded` or `failed`."""
        with self._lock:
            match self.state:
                case CircuitState.CLOSED:
                    return True
                case CircuitState.HALF_OPEN if not self._trying:
                    self._trying = True
                    return True
                case _:
                    return False

    def succeeded(self) -> None:
        """Close it."""
        with self._lock:
            self._failures_in_row = 0
            self._opened_at = None
            self._trying = False

    def failed(self) -> None:
        """Count; open it if that was one too many, or the one call that was to decide."""
        with self._lock:
            self._failures_in_row += 1
            if self._failures_in_row >= self._threshold:
                self._opened_at = self._monotonic()
            self._trying = False


QUICK = 0.002
"""Calls that take at most so many seconds are made beside those of others, in one thread …"""
_SLOW = 0.05
"""… but one that takes so long is not made there again soon, nor is one whose turns take …"""
_LONGEST_TURN = 0.05
_SURE = 3
"""Turns that show that a plugin is quick."""
_GRACE = 2
"""One in a row that is slower for once, as the whole process may be, does not show that it is not."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """What is counted for one plugin in one hook, on the event loop's thread."""

    circuit: Circuit
    calls: int = 0
    counts: dict[FailureKind, int] = field(default_factory=lambda: dict.fromkeys(FailureKind, 0))
    last_kind: FailureKind | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    seconds: float = 0.0
    slowest: float = 0.0
    times: list[int] = field(default_factory=lambda: [0] * (len(TIMES) + 1))
    haste: int = 0
    """Grows with every turn that was quick, falls with every one that was not."""

    @property
    def quick(self) -> bool:
        """Whether its calls take less than the way to a thread of its own."""
        return self.haste >= _SURE

    def took(self, seconds: float, calls: int) -> None:
        """So many calls took so long together."""
        if not calls:
            return
        each = seconds / calls
        self.seconds += seconds
        self.slowest = max(self.slowest, each)
        self.times[bisect_left(TIMES, each)] += calls
        if each <= QUICK and seconds <= _LONGEST_TURN:
            self.haste = min(self.haste + 1, _SURE + _GRACE)
        else:
            self.haste = max(self.haste - 1, -_SURE) if each <= _SLOW else -_SURE

    def dawdled(self) -> None:
        """A call among those of others did not come back."""
        self.haste = -_SURE

    def fail(self, kind: FailureKind, error: str) -> None:
        """Count a call without effect; a skipped one is not an error of its own."""
        self.counts[kind] += 1
        if kind is not FailureKind.SKIPPED:
            self.last_kind = kind
            self.last_error = error
            self.last_error_at = datetime.now(UTC)

    def snapshot(self, hook: str) -> HookHealth:
        """The figures as they are now."""
        return HookHealth(
            hook=hook,
            calls=self.calls,
            failures=self.counts[FailureKind.RAISED],
            timeouts=self.counts[FailureKind.TIMED_OUT],
            refused=self.counts[FailureKind.REFUSED],
            skipped=self.counts[FailureKind.SKIPPED],
            last_kind=self.last_kind,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            circuit=self.circuit.state,
            seconds=self.seconds,
            slowest_seconds=self.slowest,
            times=tuple(self.times),
        )
