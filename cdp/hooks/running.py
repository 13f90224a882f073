"""Making calls: in which thread, on which loop, in which process, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from msgspec import Struct, structs

from cdp.hooks.busy import Busy
from cdp.hooks.given import AnyCheck, async_call, bound, caller, process_call, refusing
from cdp.hooks.health import FailureKind
from cdp.hooks.implementation import Implementation
from cdp.hooks.lane import AnyCourse, Lane, Step, Turn
from cdp.hooks.ledger import Ledger
from cdp.hooks.legs import Leg, Terms, grouped
from cdp.hooks.loops import Loops
from cdp.hooks.offers import NotOffered, Offers
from cdp.hooks.outcomes import Failed, Outcome
from cdp.hooks.processes import Processes
from cdp.hooks.threads import Threads, skipped
from cdp.hooks.watchdog import Watchdog
from cdp.model import Workspace, WorkspaceId
from cdp.telemetry import stage

log = structlog.get_logger(__name__)

Q = TypeVar("Q", bound=Struct)
A = TypeVar("A")

Check = Callable[[Q, object], A]
"""Takes a request and what the plugin returned for it; returns the checked answer or raises Refused."""


STRIKES_TO_MOVE = 2
"""So many times a plugin is left alone for what it does to others; then its calls are made elsewhere, if possible."""

MIND_SECONDS = 0.5
"""How often is looked whether the workspace still wants a plugin that is being called."""


class Runner:
    """Makes the calls of one process's plugins.

    Args:
        offers: what implementations may be given beside their hook's arguments.
        deadline: longest that one call may take, in seconds.
        threads: per plugin; as many event loops, and processes.
        failures_to_open: after so many failures in a row a plugin is left alone in that hook …
        open_seconds: … for so long.
        memory: by so many bytes the process may grow during a call; 0: any.
        monotonic: the clock of the circuits.
    """

    def __init__(
        self,
        offers: Offers,
        *,
        deadline: float,
        threads: int,
        failures_to_open: int,
        open_seconds: float,
        memory: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._offers = offers
        self._deadline = deadline
        self._limit = threads
        self._memory = memory
        self.ledger = Ledger(
            failures_to_open=failures_to_open, open_seconds=open_seconds, monotonic=monotonic
        )
        self.busy = Busy()
        self._watchdog = Watchdog(
            self.busy,
            memory=memory,
            blocked=self.ledger.blocked,
            grown=self.ledger.grew,
            offended=self._offended,
            doubted=lambda plugin: self.ledger.conduct_of(plugin).strikes > 0,
        )
        self._movable: dict[str, tuple[str, str]] = {}
        self._lane = Lane(self.busy)
        self._threads: dict[str, Threads] = {}
        self._loops: dict[str, Loops] = {}
        self._processes: dict[str, Processes] = {}
        self.latest: Callable[[WorkspaceId], Awaitable[Workspace]] | None = None
        """Tells how a workspace is by now, so that a plugin that is turned off meanwhile is called no further."""

        self.hearing: Callable[[Implementation], Callable[..., Any]] | None = None
        """What to call instead of an implementation's function, for who records calls; calls in processes are not."""

    def run_in_processes(self, plugin: str, address: tuple[str, str]) -> None:
        """Make the calls of a plugin in processes of its own."""
        self._processes[plugin] = Processes(
            plugin, address, limit=max(1, self._limit // 2), memory=self._memory
        )

    def may_move(self, plugin: str, address: tuple[str, str]) -> None:
        """A plugin's calls may be made in processes of its own, if it does not behave here."""
        self._movable[plugin] = address

    async def run(
        self,
        implementations: Sequence[Implementation],
        course: AnyCourse,
        check: AnyCheck,
        *,
        workspace: Workspace | None,
        budget: float,
        deadline: float | None = None,
        together: bool = False,
    ) -> None:
        """Have each of them asked, in this order or, `together`, in any, and the course take what they say."""
        terms = self._terms(check, workspace, budget, deadline)
        await self._go([Leg(one, course, terms) for one in implementations], together=together)

    async def run_all(
        self,
        parts: Sequence[tuple[Sequence[Implementation], AnyCourse, AnyCheck]],
        *,
        workspace: Workspace | None,
        budget: float,
    ) -> None:
        """Do what `run` does for several hooks, one after the other; those that are quick share a thread's turn."""
        legs: list[Leg] = []
        for implementations, course, check in parts:
            terms = self._terms(check, workspace, budget, None)
            legs += [Leg(one, course, terms) for one in implementations]
        await self._go(legs, together=False)

    def _terms(
        self, check: AnyCheck, workspace: Workspace | None, budget: float, deadline: float | None
    ) -> Terms:
        return Terms(
            check=check,
            workspace=workspace,
            deadline=deadline or self._deadline,
            until=time.monotonic() + budget,
        )

    async def _go(self, legs: Sequence[Leg], *, together: bool) -> None:
        self._watchdog.start()
        if (hearing := self.hearing) is not None:
            legs = [leg._replace(one=structs.replace(leg.one, function=hearing(leg.one))) for leg in legs]
        groups = grouped(legs, self._quick, together=together)
        if together and len(groups) > 1:
            await asyncio.gather(*map(self._ride_or_walk, groups))
        else:
            for group in groups:
                await self._ride_or_walk(group)

    async def _ride_or_walk(self, group: Sequence[Leg]) -> None:
        if self._quick(group[0].one):
            await self._ride(group)
        else:
            await self._alone(group[0])

    def count_failure(self, plugin: str, hook: str, kind: FailureKind, error: str) -> None:
        """Count a failure that happened outside these rules."""
        self.ledger.of(plugin, hook).fail(kind, error)

    def close(self, patience: float = 1.0) -> None:
        """Let go of the threads; blocks for at most about `patience` seconds, whatever hangs."""
        ends_at = time.monotonic() + patience
        self._watchdog.stop()
        places: list[Lane | Threads | Loops] = [self._lane, *self._threads.values(), *self._loops.values()]
        for one in places:
            one.close(max(0.0, ends_at - time.monotonic()))

    async def end_processes(self) -> None:
        """End the processes of plugins; on the loop that started them."""
        for processes in self._processes.values():
            await processes.aclose()

    def _quick(self, one: Implementation) -> bool:
        return (
            not one.is_async
            and (one.registered or one.plugin not in self._processes)
            and self.ledger.of(one.plugin, one.hook).quick
        )

    async def _ride(self, group: Sequence[Leg]) -> None:
        """Have all of a group called in one thread; where one hangs, the others go on without it."""
        left = [(leg, self._step(leg)) for leg in group]
        while left:
            leg, _ = left[0]
            with stage(f"plugin.{leg.one.hook}", plugins=len(left)):
                turns, stuck = await self._lane.run(
                    [step for _, step in left], deadline=leg.terms.deadline, budget=leg.terms.budget
                )
            for turn in turns:
                self._took(turn.step.plugin, turn.step.hook, turn)
            if stuck is None:
                return
            (one, course, terms), _ = left[len(turns)]
            self.ledger.of(one.plugin, one.hook).dawdled()
            rest = stuck.requests[len(stuck.outcomes) :]
            self.ledger.count(one.plugin, one.hook, stuck.outcomes)
            others = await self._call(one, rest, terms)
            course.take(one.plugin, stuck.indexes, [*stuck.outcomes, *others])
            left = left[len(turns) + 1 :]

    def _step(self, leg: Leg) -> Step:
        one, course, terms = leg
        circuit = self.ledger.of(one.plugin, one.hook).circuit
        try:
            offers = self._offers.make(one.offered, one.plugin, terms.workspace)
        except NotOffered as error:
            return Step(one.plugin, one.hook, circuit, refusing(str(error)), course)
        return Step(one.plugin, one.hook, circuit, caller(one, terms.check, offers), course)

    async def _alone(self, leg: Leg) -> None:
        one, course, terms = leg
        indexes, requests = course.due(one.plugin)
        if requests:
            with stage(f"plugin.{one.hook}", plugin=one.plugin, requests=len(requests)):
                outcomes = await self._call(one, requests, terms)
            course.take(one.plugin, indexes, outcomes)

    async def _call(
        self,
        one: Implementation,
        requests: Sequence[Any],
        terms: Terms,
    ) -> list[Outcome[Any]]:
        """One plugin's outcome for each request, in a place of its own."""
        if not requests:
            return []
        outcomes: list[Outcome[Any]]
        try:
            offers = self._offers.make(one.offered, one.plugin, terms.workspace)
        except NotOffered as error:
            outcomes = [Failed(FailureKind.REFUSED, str(error))] * len(requests)
        else:
            making = self._made(one, requests, offers, terms)
            outcomes = await self._minding(one, making, terms.workspace, len(requests))
        self.ledger.count(one.plugin, one.hook, outcomes)
        return outcomes

    def _made(
        self, one: Implementation, requests: Sequence[Any], offers: dict[str, object], terms: Terms
    ) -> Coroutine[Any, Any, list[Outcome[Any]]]:
        plugin, hook, check = one.plugin, one.hook, terms.check
        counters = self.ledger.of(plugin, hook)
        deadline, budget = terms.deadline, terms.budget
        if (processes := self._processes.get(plugin)) is not None and not one.registered:
            elsewhere = [process_call(one, request, check, offers) for request in requests]
            return processes.run(hook, elsewhere, counters=counters, deadline=deadline, budget=budget)
        if one.is_async:
            if plugin not in self._loops:
                self._loops[plugin] = Loops(plugin, limit=self._limit, busy=self.busy)
            coroutines = [async_call(one, request, check, offers) for request in requests]
            return self._loops[plugin].run(
                hook, coroutines, counters=counters, deadline=deadline, budget=budget
            )
        if plugin not in self._threads:
            self._threads[plugin] = Threads(
                plugin, limit=self._limit, busy=self.busy, stuck=partial(self._stuck, plugin)
            )
        call = caller(one, check, offers)
        calls = [bound(call, request) for request in requests]
        return self._threads[plugin].run(hook, calls, counters=counters, deadline=deadline, budget=budget)

    async def _minding(
        self,
        one: Implementation,
        making: Coroutine[Any, Any, list[Outcome[Any]]],
        workspace: Workspace | None,
        count: int,
    ) -> list[Outcome[Any]]:
        """The outcomes, or none of them as soon as the workspace turns the plugin off."""
        if workspace is None or self.latest is None:
            return await making
        running = asyncio.ensure_future(making)
        try:
            while not (await asyncio.wait({running}, timeout=MIND_SECONDS))[0]:
                now = await self.latest(workspace.workspace_id)
                if one.plugin in now.disabled_plugins:
                    return [skipped("it was turned off")] * count
            return running.result()
        finally:
            running.cancel()

    def _took(self, plugin: str, hook: str, turn: Turn) -> None:
        if turn.outcomes:
            self.ledger.of(plugin, hook).took(turn.seconds, len(turn.outcomes))
            self.ledger.count(plugin, hook, turn.outcomes)

    def _stuck(self, plugin: str, hook: str) -> None:
        self._offended(plugin, hook, f"all its {self._limit} threads hang", move=True)

    def _offended(self, plugin: str, hook: str, why: str, *, move: bool = False) -> None:
        """It did something to everybody: all its hooks are left alone, and from the second time on it leaves."""
        conduct = self.ledger.conduct_of(plugin)
        if (seconds := conduct.offended()) is None:
            return
        address = self._movable.get(plugin)
        moved = (
            address is not None
            and (move or conduct.strikes >= STRIKES_TO_MOVE)
            and plugin not in self._processes
        )
        if moved and address is not None:
            self.run_in_processes(plugin, address)
        where = "; from then on it is called in processes of its own" if moved else ""
        says = f"{why}; all its hooks are left alone for {seconds:.0f} s{where}"
        log.warning("plugin_left_alone", plugin=plugin, hook=hook, reason=why, seconds=seconds, moved=moved)
        self.ledger.of(plugin, hook).fail(FailureKind.BLOCKED, says)
