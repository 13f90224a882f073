"""The lane of the quick: calls of many plugins made one after the other in one thread, as they cost less than the way.

A call that does not come back is left with its thread, as in `threads`; those after it go on elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeAlias

from cdp.hooks.busy import LONG, Busy, Interrupted, Work
from cdp.hooks.courses import Course
from cdp.hooks.health import Circuit
from cdp.hooks.outcomes import Answered, Outcome
from cdp.hooks.threads import failure, late, report, skipped

_LOOKS = 4
"""How often within a deadline is looked whether a call has come back."""


AnyCourse: TypeAlias = Course[Any, Any]


class Step:
    """One plugin's turn: how it is called about a request, and the circuit that watches over that."""

    __slots__ = ("call", "circuit", "course", "hook", "plugin")

    def __init__(
        self, plugin: str, hook: str, circuit: Circuit, call: Callable[[Any], Any], course: AnyCourse
    ) -> None:
        self.course = course
        self.plugin = plugin
        self.hook = hook
        self.circuit = circuit
        self.call = call


class Turn:
    """What became of a step."""

    __slots__ = ("indexes", "left", "outcomes", "requests", "seconds", "step")

    def __init__(self, step: Step, indexes: Sequence[int], requests: Sequence[Any]) -> None:
        self.step = step
        self.indexes = indexes
        self.requests = requests
        self.outcomes: list[Outcome[Any]] = []
        self.seconds = 0.0
        self.left = False
        """Whether nobody waits for it any more."""


class Lane:
    """Threads for whoever is quick, at most `limit` that are not hanging."""

    def __init__(self, busy: Busy, *, limit: int = 2) -> None:
        self._busy = busy
        self._limit = limit
        self._queue: SimpleQueue[_Ride | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._wanted = 0

    async def run(
        self, steps: Sequence[Step], *, deadline: float, budget: float
    ) -> tuple[list[Turn], Turn | None]:
        """Have the steps made in their order.

        Returns:
            The turns whose outcomes their courses have taken; and the next, if it did not come to its end: a call of
            it hangs, or nobody was there to make it. Its outcomes are as many as are known.
        """
        ride = _Ride(steps, time.monotonic() + budget)
        self._submit(ride)
        try:
            await ride.wait(deadline)
        except asyncio.CancelledError:
            ride.abandon()
            raise
        rest = ride.leave(deadline)
        if ride.stuck and ride.thread is not None:
            with self._lock:
                self._threads.discard(ride.thread)
        return ride.turns, rest

    def close(self, patience: float) -> None:
        """Let the threads end, and wait at most `patience` seconds for them; blocks."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        ends_at = time.monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _submit(self, ride: _Ride) -> None:
        with self._lock:
            self._wanted += 1
            if self._wanted > len(self._threads) and len(self._threads) < self._limit:
                thread = threading.Thread(target=self._work, name="plugins", daemon=True)
                self._threads.add(thread)
                thread.start()
        self._queue.put(ride)

    def _work(self) -> None:
        try:
            while (ride := self._queue.get()) is not None:
                try:
                    ride.run(self._busy)
                finally:
                    with self._lock:
                        self._wanted -= 1
                if ride.stuck:
                    return  # whoever left it has made room for another thread
        except Interrupted:
            return
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())


class _Ride:
    """Steps on their way through one thread."""

    def __init__(self, steps: Sequence[Step], ends_at: float) -> None:
        self._steps = steps
        self._ends_at = ends_at
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._lock = threading.Lock()
        self._left = False
        self._over: list[bool] = []
        """Not empty: no further call is begun."""
        self._turn: Turn | None = None
        self.turns: list[Turn] = []
        self.thread: threading.Thread | None = None
        self.stuck = False
        """Whether it was left in the middle of a call."""
        self._work: Work | None = None
        self._seen = (0, -1)
        self._timer: asyncio.TimerHandle | None = None
        self._unchanged = 0
        """Looks in a row at which nothing had come back."""

    def run(self, busy: Busy) -> None:
        """Make the calls, for as long as somebody waits for them."""
        self.thread = threading.current_thread()
        try:
            with busy.working("", "") as work:
                self._run(busy, work)
        finally:
            with self._lock:
                self._work = None  # they would hold each other, and what was asked about with them

    def _run(self, busy: Busy, work: Work) -> None:
        self._work = work
        work.place = self._place
        for step in self._steps:
            with self._lock:
                if self._abandoned():
                    return
                indexes, requests = step.course.due(step.plugin)
                turn = self._turn = Turn(step, indexes, requests)
                work.turn(step.plugin, step.hook)
            began = time.perf_counter()
            try:
                _make(turn, self._over)
                work.end()
            except Interrupted as error:  # between two calls
                work.end()
                turn.outcomes += [failure(error)] * (len(requests) - len(turn.outcomes))
            del turn.outcomes[len(requests) :]
            turn.seconds = time.perf_counter() - began
            if turn.seconds > LONG:
                busy.over(work)
            with self._lock:
                if self._abandoned():
                    return
                step.course.take(step.plugin, indexes, turn.outcomes)
                self.turns.append(turn)
                self._turn = None
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            return  # the application, and its loop, ended before this did

    async def wait(self, deadline: float) -> None:
        """Until it is done, or a call has not come back for a deadline."""
        self._seen, self._unchanged = self._position(), 0
        self._timer = self._loop.call_later(deadline / _LOOKS, self._look, deadline / _LOOKS)
        try:
            await self._done
        finally:
            self._timer.cancel()
            self._timer = None  # it and this would hold each other, and what was asked about with them

    def _look(self, every: float) -> None:
        position = self._position()
        self._unchanged = self._unchanged + 1 if position == self._seen else 0
        self._seen = position
        if time.monotonic() >= self._ends_at:
            self._over.append(True)
        if self._unchanged >= _LOOKS:
            self._finish()
        else:
            self._timer = self._loop.call_later(every, self._look, every)

    def abandon(self) -> None:
        """Stop waiting, without a word about whose call is under way: it is not to blame."""
        with self._lock:
            self._left = True
            self._over.append(True)

    def leave(self, deadline: float) -> Turn | None:
        """Stop waiting; the turn that is not over, if any."""
        with self._lock:
            self._left = True
            if len(self.turns) == len(self._steps):
                return None
            turn = self._turn
            if turn is None:  # it never began, or is between two steps
                step = self._steps[len(self.turns)]
                return Turn(step, *step.course.due(step.plugin))
            left = Turn(turn.step, turn.indexes, turn.requests)
            left.outcomes = list(turn.outcomes)
            if len(left.outcomes) < len(left.requests):
                self.stuck = turn.left = True
                left.outcomes.append(late(deadline))
                left.seconds = deadline
                turn.step.circuit.failed()
                if self._work is not None:
                    self._work.interrupt("it was late")
            return left

    def _abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return self._left

    def _position(self) -> tuple[int, int]:
        turn = self._turn
        return len(self.turns), -1 if turn is None else len(turn.outcomes)

    def _place(self) -> object:
        return None if self._turn is None else self._position()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


def _make(turn: Turn, over: list[bool]) -> None:
    """Call about every request. What fails is rare, so that all else is not watched call by call."""
    append, call, circuit = turn.outcomes.append, turn.step.call, turn.step.circuit
    requests = iter(turn.requests)
    if circuit.clean:
        try:
            for request in requests:
                if over:
                    append(skipped("time was up"))
                else:
                    append(Answered(call(request)))
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, SystemExit included
            if turn.left:
                return
            circuit.failed()
            append(failure(error))
        else:
            return
    for request in requests:
        if over or not circuit.admit():
            append(skipped("it was left alone after failures, or time was up"))
            continue
        try:
            outcome: Outcome[Any] = Answered(call(request))
        except BaseException as error:  # noqa: BLE001 - see above
            outcome = failure(error)
        if turn.left:
            return
        report(circuit, outcome)
        append(outcome)
