"""The calling rules: who is asked in which order, and what becomes of the answers.

pluggy keeps the implementations and their order; calling them is done here, because a plugin must have a deadline, may
be asynchronous, and must not take its neighbours with it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, TypeVar

import pluggy
import structlog
from msgspec import Struct, structs

from cdp.hooks.health import Circuit, Counters, FailureKind, HookHealth
from cdp.hooks.implementation import Implementation, implementation_of
from cdp.hooks.loops import Loops
from cdp.hooks.offers import NotOffered, Offers
from cdp.hooks.outcomes import Answered, Failed, Held, Outcome, Refused
from cdp.hooks.specs import hook_names
from cdp.hooks.threads import Threads
from cdp.model import Batch, Workspace
from cdp.telemetry import stage

log = structlog.get_logger(__name__)

Q = TypeVar("Q", bound=Struct)
A = TypeVar("A")

Check = Callable[[Q, object], A]
"""Takes a request and what the plugin returned for it; returns the checked answer or raises Refused."""
Wanted = Callable[[str, int], bool]
"""`(plugin, index of the request)`: whether this plugin is to be asked about it."""


class Calls:
    """Calls hooks of one application's plugins, each hook having one argument.

    Args:
        manager: holds the implementations.
        offers: what they may be given beside their hook's arguments.
        deadline: longest that one call may take, in seconds.
        threads: per plugin.
        failures_to_open: after so many failures in a row a plugin is left alone in that hook …
        open_seconds: … for so long.
        monotonic: the clock of the circuits.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        offers: Offers,
        *,
        deadline: float,
        threads: int = 4,
        failures_to_open: int = 5,
        open_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._offers = offers
        self.implementing = SimpleNamespace()
        """For each hook, as an attribute of its name, who implements it, in calling order: a tuple, empty where nobody
        does, so that who would pay for asking need not."""
        self.opt_in: set[str] = set()
        """Plugins that do nothing in a workspace until that turns them on."""
        self.hearing: Callable[[Implementation], Callable[..., Any]] | None = None
        """What to call instead of an implementation's function, for who records calls; it calls the function."""
        self.learn()
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
        wanted: Wanted | None = None,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 20.0,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask every plugin about every request, all plugins at once: for each request, what each plugin said.

        The rule of `resolve_`, `propose_`, `score_`, and, with a check that returns nothing, of `on_`.

        Args:
            hook: which.
            requests: what to ask about.
            check: of the answers.
            wanted: `(plugin, index of the request)`; False: this plugin need not be asked about it.
            workspace: on whose behalf; None: nobody's, so that settings are the defaults.
            disabled: plugins that are not to be asked, besides those that the workspace has turned off.
            budget: time in seconds after which a plugin is asked no further.
        """
        answers: list[dict[str, Outcome[A]]] = [{} for _ in requests]

        async def ask(one: Implementation) -> tuple[list[int], list[Outcome[A]]]:
            due = [i for i in range(len(requests)) if wanted is None or wanted(one.plugin, i)]
            return due, await self._ask(one, [requests[i] for i in due], check, workspace, budget)

        implementations = self.asked(hook, workspace, disabled)
        columns = await asyncio.gather(*(ask(one) for one in implementations))
        for one, (due, outcomes) in zip(implementations, columns, strict=True):
            for index, outcome in zip(due, outcomes, strict=True):
                answers[index][one.plugin] = outcome
        return answers

    async def waterfall(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q],
        wanted: Wanted,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 20.0,
        deadline: float | None = None,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask one plugin after the other; each sees what those before it answered.

        Args:
            hook: which.
            requests: what to ask about.
            check: of the answers.
            pass_on: the request for the next plugin, given an answer.
            wanted: `(plugin, index of the request)`; False: this plugin need not be asked about it.
            workspace: on whose behalf.
            disabled: plugins that are not to be asked, besides those that the workspace has turned off.
            budget: time in seconds after which a plugin is asked no further.
            deadline: of one call in seconds; None: that of all hooks.
        """
        current = list(requests)
        answers: list[dict[str, Outcome[A]]] = [{} for _ in requests]
        for one in self.asked(hook, workspace, disabled):
            due = [index for index in range(len(requests)) if wanted(one.plugin, index)]
            outcomes = await self._ask(
                one, [current[index] for index in due], check, workspace, budget, deadline=deadline
            )
            for index, outcome in zip(due, outcomes, strict=True):
                answers[index][one.plugin] = outcome
                if isinstance(outcome, Answered):
                    current[index] = pass_on(current[index], outcome.value)
        return answers

    async def first(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A | None],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[tuple[str, A] | None]:
        """For each request the first answer that is not None, and whose it is."""
        answers: list[tuple[str, A] | None] = [None] * len(requests)
        for one in self.asked(hook, workspace, disabled):
            open_ = [index for index, answer in enumerate(answers) if answer is None]
            outcomes = await self._ask(one, [requests[index] for index in open_], check, workspace, budget)
            for index, outcome in zip(open_, outcomes, strict=True):
                if isinstance(outcome, Answered) and outcome.value is not None:
                    answers[index] = (one.plugin, outcome.value)
        return answers

    async def transform(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[Q]:
        """What becomes of each request when one plugin after the other may change it: the rule of `transform_`.

        None, and a call that fails, leave it as it was. The arguments are those of `waterfall`; `pass_on` makes the
        changed request of an answer.
        """
        current = list(requests)
        for one in self.asked(hook, workspace, disabled):
            outcomes = await self._ask(one, current, _or_none(check), workspace, budget)
            current = [
                pass_on(request, outcome.value)
                if isinstance(outcome, Answered) and outcome.value is not None
                else request
                for request, outcome in zip(current, outcomes, strict=True)
            ]
        return current

    async def guard(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q | Held],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[Q | Held]:
        """What each request is once every plugin has let it pass: the rule of `guard_`.

        One after the other is asked about what those before it have let pass. None lets it pass as it is; `pass_on`
        makes of an answer what passes, or holds it. A call that fails, or cannot be made, holds it too.
        """
        current: list[Q | Held] = list(requests)
        for one in self.asked(hook, workspace, disabled):
            due = [(index, value) for index, value in enumerate(current) if not isinstance(value, Held)]
            outcomes = await self._ask(one, [value for _, value in due], _or_none(check), workspace, budget)
            for (index, request), outcome in zip(due, outcomes, strict=True):
                if isinstance(outcome, Failed):
                    current[index] = Held(plugin=one.plugin, kind=outcome.kind, reason=outcome.error)
                elif outcome.value is not None:
                    current[index] = pass_on(request, outcome.value)
        return current

    async def veto(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A | None],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[tuple[str, A] | None]:
        """For each request the first veto, and whose it is: the rule of `veto_`. All are asked; None is no veto.

        A call that fails is no veto.
        """
        answers = await self.union(
            hook, requests, _or_none(check), workspace=workspace, disabled=disabled, budget=budget
        )
        return [_first_veto(answer) for answer in answers]

    async def one(
        self,
        function: Implementation,
        request: Q,
        check: Check[Q, A],
        *,
        workspace: Workspace | None,
        deadline: float | None = None,
    ) -> Outcome[A]:
        """Call one function that a plugin registered, such as the resolver of a field.

        Args:
            function: see cdp.hooks.implementation.function_of.
            request: its argument.
            check: of its answer.
            workspace: on whose behalf; whoever calls has looked whether the plugin is on there.
            deadline: in seconds; None: that of all hooks.
        """
        longest = deadline or self._deadline
        (outcome,) = await self._ask(function, [request], check, workspace, longest * 2, deadline=longest)
        return outcome

    def is_off(self, plugin: str, workspace: Workspace) -> bool:
        """Whether a plugin does nothing for a workspace."""
        waits = plugin in self.opt_in and plugin not in workspace.plugins
        return waits or plugin in workspace.disabled_plugins

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

    def learn(self) -> None:
        """Look anew who implements what: a plugin was added."""
        for hook in hook_names():
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            found = tuple(implementation_of(one) for one in reversed(caller.get_hookimpls()))
            setattr(self.implementing, hook, found)

    def asked(
        self, hook: str, workspace: Workspace | None, disabled: Collection[str] = ()
    ) -> tuple[Implementation, ...]:
        """Who is asked on behalf of a workspace, in calling order; empty: nobody."""
        found: tuple[Implementation, ...] = getattr(self.implementing, hook)
        if not found:
            return found
        off = disabled if workspace is None else workspace.disabled_plugins.union(disabled)
        if workspace is not None and self.opt_in:
            off = self.opt_in.difference(workspace.plugins).union(off)
        return tuple(one for one in found if one.plugin not in off) if off else found

    async def _ask(
        self,
        one: Implementation,
        requests: Sequence[Q],
        check: Check[Q, A],
        workspace: Workspace | None,
        budget: float,
        *,
        deadline: float | None = None,
    ) -> list[Outcome[A]]:
        """One plugin's outcome for each request."""
        if not requests:
            return []
        with stage(f"plugin.{one.hook}", plugin=one.plugin, requests=len(requests)):
            return await self._call(
                one, requests, check, workspace, budget, deadline=deadline or self._deadline
            )

    async def _call(
        self,
        one: Implementation,
        requests: Sequence[Q],
        check: Check[Q, A],
        workspace: Workspace | None,
        budget: float,
        *,
        deadline: float,
    ) -> list[Outcome[A]]:
        counters = self._counters_of(one.plugin, one.hook)
        if self.hearing is not None:
            one = structs.replace(one, function=self.hearing(one))
        outcomes: list[Outcome[A]]
        try:
            offers = self._offers.make(one.offered, one.plugin, workspace)
        except NotOffered as error:
            outcomes = [Failed(FailureKind.REFUSED, str(error))] * len(requests)
        else:
            if one.is_async:
                outcomes = await self._loops_of(one.plugin).run(
                    [_async_call(one, request, check, offers) for request in requests],
                    circuit=counters.circuit,
                    deadline=deadline,
                    budget=budget,
                )
            else:
                outcomes = await self._threads_of(one.plugin).run(
                    [_call(one, request, check, offers) for request in requests],
                    circuit=counters.circuit,
                    deadline=deadline,
                    budget=budget,
                )
        self._count(one.plugin, one.hook, counters, outcomes)
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


def told(_request: object, answer: object) -> None:
    """The check of `on_` hooks: what they return is not looked at."""


def _or_none(check: Check[Q, A]) -> Check[Q, A | None]:
    return lambda request, answer: None if answer is None else check(request, answer)


def _first_veto(answer: dict[str, Outcome[A | None]]) -> tuple[str, A] | None:
    for plugin, outcome in answer.items():
        if isinstance(outcome, Answered) and outcome.value is not None:
            return plugin, outcome.value
    return None


def _call(one: Implementation, request: Q, check: Check[Q, A], offers: dict[str, object]) -> Callable[[], A]:
    def call() -> A:
        answer = one.function(**_arguments(one, request, offers))
        if isinstance(answer, Coroutine):
            answer.close()
            raise Refused("it returned a coroutine; write `async def`")
        return check(request, answer)

    return call


def _async_call(
    one: Implementation, request: Q, check: Check[Q, A], offers: dict[str, object]
) -> Callable[[], Any]:
    async def call() -> A:
        return check(request, await one.function(**_arguments(one, request, offers)))

    return call


def _arguments(one: Implementation, request: Struct, offers: dict[str, object]) -> dict[str, object]:
    """What the implementation asks for: its hook's one argument, or not, and what is offered."""
    return {**{name: _copied(request) for name in one.arguments}, **offers}


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


_ATOMS = frozenset({str, int, float, bool, type(None), datetime, date, Decimal, Batch})
"""Types of most values, of which there is nothing to copy; asked first, because it is quickest. A batch gives copies
of what is looked at."""
