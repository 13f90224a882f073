"""The event loop that runs one plugin's asynchronous code, in a thread of its own.

A coroutine that blocks (`time.sleep` in an `async def`) stops the loop that it runs on, so that is never the
application's. A loop that does not answer any more is abandoned and another one started, a few times.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from cdp.hooks.busy import Busy, Interrupted, Work, interrupt
from cdp.hooks.health import Circuit, CircuitState, Counters, FailureKind
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.hooks.threads import failure, late, report, skipped

AsyncCall = Callable[[], Coroutine[Any, Any, Any]]
"""Calls the plugin and checks its answer: returns it, or raises."""

_AT_ONCE = 16
"""Calls of one plugin that are under way together."""
_ROUNDS = 3
"""Of the loop for what was cancelled: a batch waits for its calls, and those for theirs."""
_TICKS = 4
"""How often within a deadline the loop must show that it lives."""


class Loops:
    """One event loop for one plugin, replaced when it is blocked, at most `limit` times at once."""

    def __init__(self, name: str, *, limit: int, busy: Busy) -> None:
        self._name = name
        self._busy = busy
        self._limit = limit
        self._current: _LoopThread | None = None
        self._all: list[_LoopThread] = []

    async def run(
        self, hook: str, calls: Sequence[AsyncCall], *, counters: Counters, deadline: float, budget: float
    ) -> list[Outcome[Any]]:
        """Make the calls, some of them at once; the arguments are those of `Threads.run`."""
        thread = self._obtain()
        if thread is None:
            return [skipped("every event loop of the plugin is blocked")] * len(calls)
        thread.begin(hook)
        batch = _Batch(calls, counters, deadline, time.monotonic() + budget, thread.seats)
        running = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(batch.run(), thread.loop))
        try:
            if not await _until_done(running, thread, deadline) and self._current is thread:
                self._current = None
                thread.abandon()
                interrupt(thread)
        finally:
            running.cancel()
            thread.end()
        return batch.leave()

    def close(self, patience: float) -> None:
        """Stop the loops, and wait at most `patience` seconds for them; blocks."""
        ends_at = time.monotonic() + patience
        for thread in self._all:
            thread.abandon()
        for thread in self._all:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _obtain(self) -> _LoopThread | None:
        if self._current is None or self._current.ended:
            self._all = [thread for thread in self._all if thread.is_alive()]
            if len(self._all) >= self._limit:
                return None
            self._current = _LoopThread(self._name, self._busy)
            self._all.append(self._current)
        return self._current


class _LoopThread(threading.Thread):
    """A daemon thread with an event loop of its own."""

    def __init__(self, name: str, busy: Busy) -> None:
        super().__init__(name=f"plugin {name}", daemon=True)
        self.loop = asyncio.new_event_loop()
        self.seats = asyncio.Semaphore(_AT_ONCE)
        self._plugin = name
        self._busy = busy
        self._work: Work | None = None
        self._active = 0
        self.start()

    @property
    def ended(self) -> bool:
        """Whether nothing runs on it any more: an interruption may have hit the loop itself."""
        return self.loop.is_closed() or not self.is_alive()

    def begin(self, hook: str) -> None:
        """A batch of calls begins."""
        self._active += 1
        if self._work is not None:
            self._work.hook, self._work.active = hook, self._active

    def end(self) -> None:
        """A batch of calls is over."""
        self._active -= 1
        if self._work is not None:
            self._work.active = self._active
            if not self._active:
                self._work.memory = None

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with suppress(Interrupted), self._busy.working(self._plugin, "") as self._work:
            self._work.loop, self._work.active = self.loop, self._active
            try:
                self.loop.run_forever()
            finally:
                self._end()

    def _end(self) -> None:
        """Cancel what is left on the loop, and close it; what resists is dropped without a word."""
        for _ in range(_ROUNDS):
            with suppress(Interrupted):
                tasks = asyncio.all_tasks(self.loop)
                for task in tasks:
                    task.cancel()
                self.loop.call_soon(self.loop.stop)
                self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            # What is said of it is "Task was destroyed but it is pending", of a plugin that is named already.
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way
        self.loop.close()

    def abandon(self) -> None:
        """Stop as soon as the loop gets to it, which may be never."""
        with suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def ping(self, pong: Callable[[], None]) -> None:
        """Have `pong` called on the caller's loop as soon as this one gets to it."""
        caller = asyncio.get_running_loop()

        def answer() -> None:
            with suppress(RuntimeError):  # the caller's loop has been closed
                caller.call_soon_threadsafe(pong)

        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(answer)


class _Batch:
    """Calls on their way; lives on the plugin's loop until it is left."""

    def __init__(
        self,
        calls: Sequence[AsyncCall],
        counters: Counters,
        deadline: float,
        ends_at: float,
        seats: asyncio.Semaphore,
    ) -> None:
        self._seats = seats
        self._calls = calls
        self._counters = counters
        self._circuit = counters.circuit
        self._deadline = deadline
        self._ends_at = ends_at
        self._lock = threading.Lock()
        self._outcomes: dict[int, Outcome[Any]] = {}
        self._begun: set[int] = set()
        self._left = False

    async def run(self) -> None:
        """Make all calls, on the plugin's loop."""
        await asyncio.gather(*(self._one(index) for index in range(len(self._calls))))

    def leave(self) -> list[Outcome[Any]]:
        """Stop waiting: the outcome of every call, as far as it is known."""
        with self._lock:
            self._left = True
            for index in self._begun - self._outcomes.keys():
                self._outcomes[index] = late(self._deadline)
                self._counters.took(self._deadline, 1)
                self._circuit.failed()
            never = skipped("the event loop of the plugin was blocked")
            return [self._outcomes.get(index, never) for index in range(len(self._calls))]

    async def _one(self, index: int) -> None:
        async with self._seats:
            with self._lock:
                admitted = not self._left and time.monotonic() < self._ends_at and self._circuit.admit()
                if not admitted:
                    self._outcomes[index] = skipped("it was left alone after failures, or time was up")
                    return
                self._begun.add(index)
            began = time.perf_counter()
            task = asyncio.ensure_future(_attempt(self._calls[index], self._circuit))
            try:
                done, _ = await asyncio.wait({task}, timeout=self._deadline)
            except BaseException:  # whoever asked has gone, or the loop ends
                self._circuit.waive()
                raise
            finally:
                task.cancel()  # not awaited: a coroutine may resist
            outcome = task.result() if done else late(self._deadline)
            with self._lock:
                if not self._left:
                    self._counters.took(time.perf_counter() - began, 1)
                    if not (isinstance(outcome, Failed) and outcome.kind is FailureKind.SKIPPED):
                        report(self._circuit, outcome)
                    self._outcomes[index] = outcome


async def _attempt(call: AsyncCall, circuit: Circuit) -> Outcome[Any]:
    if circuit.conduct.state is CircuitState.OPEN:  # since another call of the same moment blocked the loop
        circuit.waive()
        return skipped("it was left alone after another call blocked")
    try:
        return Answered(await call())
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        return failure(error)
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, SystemExit included
        return failure(error)


async def _until_done(running: asyncio.Future[None], thread: _LoopThread, deadline: float) -> bool:
    """Wait for the batch; False as soon as the plugin's loop has not answered for about a deadline."""
    answered = asyncio.Event()
    asked_at = time.monotonic()
    thread.ping(answered.set)
    while True:
        await asyncio.wait({running}, timeout=deadline / _TICKS)
        if running.done():
            return True
        if answered.is_set():
            answered.clear()
            asked_at = time.monotonic()
            thread.ping(answered.set)
        elif time.monotonic() - asked_at >= deadline:
            return False
