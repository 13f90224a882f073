"""The calling rules: who is asked in which order, and what becomes of the answers.

pluggy keeps the implementations and their order; calling them is done here, because a plugin must have a deadline, may
be asynchronous, and must not take its neighbours with it.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, cast

import pluggy
import structlog
from msgspec import Struct, structs

from cdp.hooks.health import Circuit, Counters, FailureKind, HookHealth
from cdp.hooks.loops import Loops
from cdp.hooks.outcomes import Answered, Failed, Outcome, Refused
from cdp.hooks.threads import Threads
from cdp.telemetry import stage

log = structlog.get_logger(__name__)

Q = TypeVar("Q", bound=Struct)
A = TypeVar("A")

Check = Callable[[Q, object], A]
"""Takes a request and what the plugin returned for it; returns the checked answer or raises Refused."""


class Calls:
    """Calls hooks of one application's plugins, each hook having one argument.

    Args:
        manager: holds the implementations.
        deadline: longest that one call may take, in seconds.
        threads: per plugin.
        failures_to_open: after so many failures in a row a plugin is left alone in that hook …
        open_seconds: … for so long.
        monotonic: the clock of the circuits.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        *,
        deadline: float,
        threads: int = 4,
        failures_to_open: int = 5,
        open_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._deadline = deadline
        self._limit = threads
        self._new_circuit: Callable[[], Circuit] = lambda: Circuit(
            threshold=failures_to_open, seconds=open_seconds, monotonic=monotonic
        )
        self._threads: dict[str, Threads] = {}
        self._loops: dict[str, Loops] = {}
        self._counters: dict[tuple[str, str], Counters] = {}

    async def union(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        disabled: Collection[str] = (),
        budget: float = 20.0,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask every plugin about every request, all plugins at once: for each request, what each plugin said.

        `budget` is the time in seconds after which a plugin is asked no further.
        """
        implementations = self._implementations(hook, disabled)
        columns = await asyncio.gather(
            *(self._ask(hook, one, requests, check, budget) for one in implementations)
        )
        names = [one.plugin_name for one in implementations]
        return [
            dict(zip(names, (column[index] for column in columns), strict=True))
            for index in range(len(requests))
        ]

    async def waterfall(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q],
        wanted: Callable[[str, int], bool],
        disabled: Collection[str] = (),
        budget: float = 20.0,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask one plugin after the other; each sees what those before it answered.

        Args:
            hook: which.
            requests: what to ask about.
            check: of the answers.
            pass_on: the request for the next plugin, given an answer.
            wanted: `(plugin, index of the request)`; False: this plugin need not be asked about it.
            disabled: plugins that the workspace has turned off.
            budget: time in seconds after which a plugin is asked no further.
        """
        current = list(requests)
        answers: list[dict[str, Outcome[A]]] = [{} for _ in requests]
        for one in self._implementations(hook, disabled):
            due = [index for index in range(len(requests)) if wanted(one.plugin_name, index)]
            outcomes = await self._ask(hook, one, [current[index] for index in due], check, budget)
            for index, outcome in zip(due, outcomes, strict=True):
                answers[index][one.plugin_name] = outcome
                if isinstance(outcome, Answered):
                    current[index] = pass_on(current[index], outcome.value)
        return answers

    async def first(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A | None],
        *,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[tuple[str, A] | None]:
        """For each request the first answer that is not None, and whose it is."""
        answers: list[tuple[str, A] | None] = [None] * len(requests)
        for one in self._implementations(hook, disabled):
            open_ = [index for index, answer in enumerate(answers) if answer is None]
            outcomes = await self._ask(hook, one, [requests[index] for index in open_], check, budget)
            for index, outcome in zip(open_, outcomes, strict=True):
                if isinstance(outcome, Answered) and outcome.value is not None:
                    answers[index] = (one.plugin_name, outcome.value)
        return answers

    def health(self, plugin: str) -> tuple[HookHealth, ...]:
        """The figures of the hooks that the plugin implements, by name of the hook."""
        callers = self._manager.get_hookcallers(self._manager.get_plugin(plugin)) or []
        return tuple(
            self._counters_of(plugin, hook).snapshot(hook) for hook in sorted(c.name for c in callers)
        )

    def count_failure(self, plugin: str, hook: str, kind: FailureKind, error: str) -> None:
        """Count a failure that happened outside these rules."""
        self._counters_of(plugin, hook).fail(kind, error)

    def close(self, patience: float = 1.0) -> None:
        """Let go of the threads; blocks for at most about `patience` seconds, whatever hangs."""
        ends_at = time.monotonic() + patience
        for threads in self._threads.values():
            threads.close(max(0.0, ends_at - time.monotonic()))
        for loops in self._loops.values():
            loops.close(max(0.0, ends_at - time.monotonic()))

    def _implementations(self, hook: str, disabled: Collection[str]) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return [one for one in reversed(caller.get_hookimpls()) if one.plugin_name not in disabled]

    async def _ask(
        self, hook: str, one: pluggy.HookImpl, requests: Sequence[Q], check: Check[Q, A], budget: float
    ) -> list[Outcome[A]]:
        """One plugin's outcome for each request."""
        if not requests:
            return []
        with stage(f"plugin.{hook}", plugin=one.plugin_name, requests=len(requests)):
            return await self._call(hook, one, requests, check, budget)

    async def _call(
        self, hook: str, one: pluggy.HookImpl, requests: Sequence[Q], check: Check[Q, A], budget: float
    ) -> list[Outcome[A]]:
        counters = self._counters_of(one.plugin_name, hook)
        outcomes: list[Outcome[A]]
        if inspect.iscoroutinefunction(one.function):
            outcomes = await self._loops_of(one.plugin_name).run(
                [_async_call(one, request, check) for request in requests],
                circuit=counters.circuit,
                deadline=self._deadline,
                budget=budget,
            )
        else:
            outcomes = await self._threads_of(one.plugin_name).run(
                [_call(one, request, check) for request in requests],
                circuit=counters.circuit,
                deadline=self._deadline,
                budget=budget,
            )
        self._count(one.plugin_name, hook, counters, outcomes)
        return outcomes

    def _count(self, plugin: str, hook: str, counters: Counters, outcomes: Sequence[Outcome[Any]]) -> None:
        times: Counter[FailureKind] = Counter()
        errors: dict[FailureKind, str] = {}
        for outcome in outcomes:
            counters.calls += not (isinstance(outcome, Failed) and outcome.kind is FailureKind.SKIPPED)
            if isinstance(outcome, Failed):
                counters.fail(outcome.kind, outcome.error)
                times[outcome.kind] += 1
                errors[outcome.kind] = outcome.error
        for kind, error in errors.items():
            log.warning(
                "plugin_failed", plugin=plugin, hook=hook, kind=kind.value, times=times[kind], error=error
            )

    def _counters_of(self, plugin: str, hook: str) -> Counters:
        key = (plugin, hook)
        if key not in self._counters:
            self._counters[key] = Counters(circuit=self._new_circuit())
        return self._counters[key]

    def _threads_of(self, plugin: str) -> Threads:
        if plugin not in self._threads:
            self._threads[plugin] = Threads(plugin, limit=self._limit)
        return self._threads[plugin]

    def _loops_of(self, plugin: str) -> Loops:
        if plugin not in self._loops:
            self._loops[plugin] = Loops(plugin, limit=self._limit)
        return self._loops[plugin]


def _call(one: pluggy.HookImpl, request: Q, check: Check[Q, A]) -> Callable[[], A]:
    function: Callable[..., object] = one.function

    def call() -> A:
        answer = function(*_arguments(one, request))
        if isinstance(answer, Coroutine):
            answer.close()
            raise Refused("it returned a coroutine; write `async def`")
        return check(request, answer)

    return call


def _async_call(one: pluggy.HookImpl, request: Q, check: Check[Q, A]) -> Callable[[], Any]:
    function = cast("Callable[..., Awaitable[object]]", one.function)

    async def call() -> A:
        return check(request, await function(*_arguments(one, request)))

    return call


def _arguments(one: pluggy.HookImpl, request: Struct) -> list[object]:
    """What the implementation asks for of its hook's one argument: that, or nothing."""
    return [_copied(request)] if one.argnames else []


def _copied(value: object) -> object:
    """The same value without a dict or list in common: a plugin that changes one changes nobody else's."""
    if type(value) in _ATOMS:
        return value
    match value:
        case dict():
            return {key: _copied(item) for key, item in value.items()}
        case list():
            return [_copied(item) for item in value]
        case tuple():
            return tuple(_copied(item) for item in value)
        case Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            copies = {name: _copied(item) for name, item in fields.items() if type(item) not in _ATOMS}
            return structs.replace(value, **copies) if copies else value
        case _:
            return value


_ATOMS = frozenset({str, int, float, bool, type(None), datetime, date, Decimal})
"""Types of most values, of which there is nothing to copy; asked first, because it is quickest."""
