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


LONGEST_OPEN = 3600.0
"""Nobody is left alone for longer before a call is tried, in seconds."""


class Conduct:
    """What a plugin does to others, all its hooks together. Safe to use from threads.

    Whoever held the interpreter or the event loop, or made the process grow, is left alone in all hooks at once: for
    `seconds`, and twice as long each time that it does so again, up to an hour. Then one call of one hook decides.

    Args:
        seconds: for how long it is left alone the first time.
        monotonic: the clock.
    """

    def __init__(self, *, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._until: float | None = None
        self._trying = False
        self._lock = threading.Lock()
        self.strikes = 0
        """How often it had to be left alone, until it has behaved for an hour."""

    @property
    def state(self) -> CircuitState:
        """What it is now."""
        if self._until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._monotonic() < self._until else CircuitState.HALF_OPEN

    def offended(self) -> float | None:
        """Leave it alone; for how many seconds, or None: it is already."""
        with self._lock:
            now = self._monotonic()
            if self._until is not None and now < self._until:
                return None
            if self._until is not None and now - self._until > LONGEST_OPEN:
                self.strikes = 0
            self.strikes += 1
            longer = self._seconds * 2.0 ** min(self.strikes - 1, 20)
            seconds = max(self._seconds, min(longer, LONGEST_OPEN))
            self._until = now + seconds
            self._trying = False
            return seconds

    def admit(self) -> bool:
        """Whether the next call may be made, as far as this goes."""
        if self._until is None:
            return True
        with self._lock:
            if self.state is not CircuitState.HALF_OPEN or self._trying:
                return False
            self._trying = True
            return True

    def ended(self, *, well: bool) -> None:
        """A call that was admitted ended; one that was tried decides."""
        if not self._trying:
            return
        if not well:
            self.offended()
            return
        with self._lock:
            self._trying = False
            if self.state is CircuitState.HALF_OPEN:
                self._until = None

    def waive(self) -> None:
        """A call that was admitted is not made."""
        with self._lock:
            self._trying = False


class Circuit:
    """Opens after `threshold` failures in a row, for `seconds`; then one call decides. Safe to use from threads.

    `conduct` is the plugin's, by which it may be open all the same.
    """

    def __init__(
        self,
        *,
        threshold: int,
        seconds: float,
        monotonic: Callable[[], float],
        conduct: Conduct | None = None,
    ) -> None:
        self._threshold = threshold
        self._seconds = seconds
        self._monotonic = monotonic
        self.conduct = conduct or Conduct(seconds=seconds, monotonic=monotonic)
        self._failures_in_row = 0
        self._opened_at: float | None = None
        self._trying = False
        self._lock = threading.Lock()

    @property
    def state(self) -> CircuitState:
        """What it is now."""
        if (conduct := self.conduct.state) is not CircuitState.CLOSED:
            return conduct
        return self._own_state

    @property
    def clean(self) -> bool:
        """Whether nothing has failed since the last success."""
        return (
            self._failures_in_row == 0
            and self._opened_at is None
            and self.conduct.state is CircuitState.CLOSED
        )

    def admit(self) -> bool:
        """Whether the next call may be made; each admission must be followed by `succeeded`, `failed` or `waive`."""
        if not self.conduct.admit():
            return False
        with self._lock:
            match self._own_state:
                case CircuitState.CLOSED:
                    return True
                case CircuitState.HALF_OPEN if not self._trying:
                    self._trying = True
                    return True
        self.conduct.waive()
        return False

    def succeeded(self) -> None:
        """Close it."""
        self.conduct.ended(well=True)
        with self._lock:
            self._failures_in_row = 0
            self._opened_at = None
            self._trying = False

    def failed(self) -> None:
        """Count; open it if that was one too many, or the one call that was to decide."""
        self.conduct.ended(well=False)
        with self._lock:
            self._failures_in_row += 1
            if self._failures_in_row >= self._threshold:
                self._opened_at = self._monotonic()
            self._trying = False

    def waive(self) -> None:
        """A call that was admitted says nothing about the plugin: whoever had asked went away."""
        self.conduct.waive()
        with self._lock:
            self._trying = False

    @property
    def _own_state(self) -> CircuitState:
        if self._opened_at is None:
            return CircuitState.CLOSED
        if self._monotonic() - self._opened_at >= self._seconds:
            return CircuitState.HALF_OPEN
        return CircuitState.OPEN


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
