"""The threads that run one plugin's synchronous code, a batch of calls at a time.

A thread that hangs is abandoned: whoever waited is answered at the deadline, the rest of the batch goes on in another
thread, and when all threads of the plugin hang its calls are not made any more. It is interrupted too, which ends it if
it runs Python code; what waits in C is left to wait. Threads are daemons, so that a hanging one does not keep the
process from ending.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from cdp.hooks.busy import Busy, Interrupted, Work
from cdp.hooks.health import Circuit, Counters, FailureKind
from cdp.hooks.outcomes import Answered, Failed, Outcome, Refused

Call = Callable[[], Any]
"""Calls the plugin and checks its answer: returns it, or raises."""


class Threads:
    """At most `limit` threads for one plugin, started when they are needed.

    `stuck` is told the hook of the call that hangs in the last one.
    """

    def __init__(self, name: str, *, limit: int, busy: Busy, stuck: Callable[[str], None]) -> None:
        self._name = name
        self._busy = busy
        self._limit = limit
        self._stuck = stuck
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._wanted = 0
        self._hanging = 0

    async def run(
        self, hook: str, calls: Sequence[Call], *, counters: Counters, deadline: float, budget: float
    ) -> list[Outcome[Any]]:
        """Make the calls one after the other.

        Args:
            hook: whose.
            calls: what to call.
            counters: their circuit is asked before, and told after, each call; they are told how long calls took.
            deadline: longest that one call may take, in seconds.
            budget: after so many seconds no further call is begun.
        """
        ends_at = time.monotonic() + budget
        outcomes: list[Outcome[Any]] = []
        while len(outcomes) < len(calls):
            rest = calls[len(outcomes) :]
            if self._hanging >= self._limit:
                return outcomes + [skipped("every thread of the plugin hangs")] * len(rest)
            job = _Job(self._name, hook, rest, counters.circuit, ends_at)
            self._submit(job)
            outcomes += await self._await(job, deadline)
            counters.took(job.seconds, job.made)
        return outcomes

    def close(self, patience: float) -> None:
        """Let idle threads end, and wait at most `patience` seconds for them; blocks."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        ends_at = time.monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _submit(self, job: _Job) -> None:
        with self._lock:
            self._wanted += 1
            room = len(self._threads) < self._limit
            if self._wanted > len(self._threads) and room:
                thread = threading.Thread(target=self._work, name=f"plugin {self._name}", daemon=True)
                self._threads.add(thread)
                thread.start()
        self._queue.put(job)

    def _work(self) -> None:
        job: _Job | None = None
        try:
            while (job := self._queue.get()) is not None:
                job.run(self._busy)
                with self._lock:
                    self._wanted -= 1
                if job.hung:
                    break  # its interruption may be on its way still
        except Interrupted:
            pass
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._hanging -= job is not None and job.hung

    async def _await(self, job: _Job, deadline: float) -> list[Outcome[Any]]:
        try:
            while not job.done.is_set():
                left = job.since + deadline - time.monotonic()
                if left <= 0:
                    break
                try:
                    async with asyncio.timeout(left):
                        await job.done.wait()
                except TimeoutError:
                    continue  # it may have gone on to its next call meanwhile
        except asyncio.CancelledError:
            job.abandon()
            raise
        with self._lock:
            outcomes = job.leave(deadline)
            self._hanging += job.hung
        if job.hung and self._hanging >= self._limit:
            self._stuck(job.hook)
        return outcomes


class _Job:
    """A batch on its way through one thread."""

    def __init__(
        self, plugin: str, hook: str, calls: Sequence[Call], circuit: Circuit, ends_at: float
    ) -> None:
        self._plugin = plugin
        self.hook = hook
        self._calls = calls
        self._circuit = circuit
        self._ends_at = ends_at
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._outcomes: list[Outcome[Any]] = []
        self._in_call = False
        self._left = False
        self._work: Work | None = None
        self.done = asyncio.Event()
        self.since = time.monotonic()
        """When the current call began, or waiting for a thread did."""
        self.seconds = 0.0
        """Time that its calls took …"""
        self.made = 0
        """… which are so many."""
        self.hung = False
        """Whether it was left in the middle of a call."""

    def run(self, busy: Busy) -> None:
        """Make the calls, in a thread, for as long as somebody waits for them."""
        with busy.working(self._plugin, self.hook) as self._work:
            self._run(self._work)

    def _run(self, work: Work) -> None:
        for call in self._calls:
            with self._lock:
                if self._abandoned():
                    return
                self.since = time.monotonic()
                admitted = self.since < self._ends_at and self._circuit.admit()
                self._in_call = admitted
            began = time.perf_counter()
            outcome = (
                attempt(call, work)
                if admitted
                else skipped("it was left alone after failures, or time was up")
            )
            with self._lock:
                self._in_call = False
                self.since = time.monotonic()
                self.made += admitted
                self.seconds += time.perf_counter() - began
                if self._abandoned():
                    if admitted and not self.hung:
                        report(self._circuit, outcome)
                    return
                if admitted:
                    report(self._circuit, outcome)
                self._outcomes.append(outcome)
        try:
            self._loop.call_soon_threadsafe(self.done.set)
        except RuntimeError:
            return  # the application, and its loop, ended before this call did

    def abandon(self) -> None:
        """Stop waiting, without a word about the call that it is in: it is not to blame."""
        with self._lock:
            self._left = True

    def leave(self, deadline: float) -> list[Outcome[Any]]:
        """Stop waiting. What has been answered so far, and a failure for the call that it is in."""
        with self._lock:
            self._left = True
            outcomes = list(self._outcomes)
            if self._in_call:
                self.hung = True
                self.made += 1
                self.seconds += deadline
                self._circuit.failed()
                outcomes.append(late(deadline))
                if self._work is not None:
                    self._work.interrupt("it was late", where=self._work.calls)
            elif len(outcomes) < len(self._calls):
                unmade = len(self._calls) - len(outcomes)
                outcomes += [skipped("no thread of the plugin was free in time")] * unmade
            return outcomes

    def _abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return self._left


def attempt(call: Call, work: Work) -> Outcome[Any]:
    """Call, and turn whatever is raised into a failure, interruptions included."""
    try:
        try:
            work.begin()
            return Answered(call())
        finally:
            work.end()
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, SystemExit included
        if work.in_call:  # an interruption came at the very end
            work.end()
        return failure(error)


def failure(error: BaseException) -> Failed:
    """The failure that stands for an exception."""
    if isinstance(error, Interrupted):
        return Failed(
            FailureKind.RAISED, "it was interrupted: it blocked the process or took too much memory"
        )
    if isinstance(error, Refused):
        return Failed(FailureKind.REFUSED, str(error))
    return Failed(FailureKind.RAISED, f"{type(error).__name__}: {error}"[:500])


def late(deadline: float) -> Failed:
    """The failure of a call that had not ended at its deadline."""
    return Failed(FailureKind.TIMED_OUT, f"no answer within {deadline:g} s")


def skipped(why: str) -> Failed:
    """The failure of a call that was not made."""
    return Failed(FailureKind.SKIPPED, why)


def report(circuit: Circuit, outcome: Outcome[Any]) -> None:
    """Tell the circuit how a call that it admitted ended."""
    if isinstance(outcome, Answered):
        circuit.succeeded()
    else:
        circuit.failed()
