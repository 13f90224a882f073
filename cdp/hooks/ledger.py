"""What is counted of plugins' calls, and how plugins conduct themselves; on the application's loop, but where said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from cdp.hooks.health import Circuit, Conduct, Counters, FailureKind, HookHealth
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.telemetry import wordless

log = structlog.get_logger(__name__)


class Ledger:
    """The figures of one process's plugins.

    Args:
        failures_to_open: after so many failures in a row a plugin is left alone in that hook …
        open_seconds: … for so long.
        monotonic: the clock of the circuits.
    """

    def __init__(self, *, failures_to_open: int, open_seconds: float, monotonic: Callable[[], float]) -> None:
        self._conduct: dict[str, Conduct] = {}
        self._new_conduct: Callable[[], Conduct] = lambda: Conduct(seconds=open_seconds, monotonic=monotonic)
        self._new_circuit: Callable[[Conduct], Circuit] = lambda conduct: Circuit(
            threshold=failures_to_open, seconds=open_seconds, monotonic=monotonic, conduct=conduct
        )
        self._counters: dict[tuple[str, str], Counters] = {}
        self.blocked_seconds: defaultdict[str, float] = defaultdict(float)
        """By plugin, for how long it kept an event loop or the whole process from running."""
        self.memory_bytes: defaultdict[str, int] = defaultdict(int)
        """By plugin, the most by which the process grew during its calls."""

    def of(self, plugin: str, hook: str) -> Counters:
        """The figures of a plugin in one hook; from any thread."""
        key = (plugin, hook)
        counters = self._counters.get(key)
        if counters is None:
            circuit = self._new_circuit(self.conduct_of(plugin))
            counters = self._counters.setdefault(key, Counters(circuit=circuit))
        return counters

    def conduct_of(self, plugin: str) -> Conduct:
        """What a plugin does to others; from any thread."""
        conduct = self._conduct.get(plugin)
        return self._conduct.setdefault(plugin, self._new_conduct()) if conduct is None else conduct

    def health(self, plugin: str, hooks: Sequence[str]) -> tuple[HookHealth, ...]:
        """The figures of some hooks, as they are now."""
        return tuple(self.of(plugin, hook).snapshot(hook) for hook in hooks)

    def count(self, plugin: str, hook: str, outcomes: Sequence[Outcome[Any]]) -> None:
        """Count what became of calls; what failed is logged, once for each kind of failure."""
        counters = self.of(plugin, hook)
        if all(type(outcome) is Answered for outcome in outcomes):
            counters.calls += len(outcomes)
            return
        times: Counter[FailureKind] = Counter()
        errors: dict[FailureKind, str] = {}
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                counters.calls += outcome.kind is not FailureKind.SKIPPED
                counters.fail(outcome.kind, outcome.error)
                times[outcome.kind] += 1
                errors[outcome.kind] = outcome.error
            else:
                counters.calls += 1
        for kind, error in errors.items():
            log.warning(
                "plugin_failed",
                plugin=plugin,
                hook=hook,
                kind=kind.value,
                times=times[kind],
                error=wordless(error),
            )

    def blocked(self, plugin: str, hook: str, seconds: float, what: str) -> None:
        """It kept a loop, or the process, from running."""
        self.blocked_seconds[plugin] += seconds
        says = f"it kept the {what} from running for {seconds:.1f} s"
        self.of(plugin, hook).fail(FailureKind.BLOCKED, says)

    def grew(self, plugin: str, _hook: str, by: int) -> None:
        """The process grew by so many bytes during a call."""
        self.memory_bytes[plugin] = max(self.memory_bytes[plugin], by)
