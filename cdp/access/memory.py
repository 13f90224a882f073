"""Answers that stand for a second, asked for once: what is revoked anywhere is dead within it, in every process."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from msgspec import Struct

from cdp.errors import Unavailable

REMEMBERED_SECONDS = 1.0
"""How long an answer stands: what was revoked is dead, and what was made is alive, within it."""
FAMILIAR_SECONDS = 600.0
"""How long what was good passes strangers in the queue."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Answer(Struct, Generic[V], frozen=True):
    """What was said of a key, and when it was asked; `value` None: nothing good."""

    value: V | None
    asked_at: float


class Memory(Generic[K, V]):
    """What the database says of keys of one sort, remembered for a second, good and bad, in bounded numbers.

    Who comes with the same key while it is asked for shares the answer; who comes all the time never waits for it.
    Keys that nobody knows reach the database through a narrow door: `strangers` at once, `waiting` in line, and the
    rest are told to try again; keys that were good lately do not stand in that line.
    """

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V | None]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        remembered: int = 10_000,
        strangers: int = 2,
        waiting: int = 200,
    ) -> None:
        """Make it, empty.

        Args:
            ask: the answer to a key; None: there is nothing good about it. What it raises is not remembered.
            monotonic: seconds.
            remembered: good answers, and as many bad ones.
            strangers: unknown keys that are asked for at once.
            waiting: unknown keys that wait to be asked for, those asked for included.
        """
        self._ask_for = ask
        self._monotonic = monotonic
        self._remembered = remembered
        self.good: OrderedDict[K, _Answer[V]] = OrderedDict()
        self.bad: OrderedDict[K, _Answer[V]] = OrderedDict()
        self.asking: dict[K, asyncio.Future[_Answer[V]]] = {}
        self._door = asyncio.Semaphore(strangers)
        self._waiting = 0
        self._longest_line = waiting

    async def get(self, key: K) -> V | None:
        """What is known of the key, at most a second old; None: nothing good.

        Raises:
            Unavailable: too many unknown keys are being tried; and whatever `ask` raises.
        """
        answer = self._recall(key)
        if answer is None:
            # One caller that goes away must not take the answer from the others.
            answer = await asyncio.shield(self._ask_once(key))
        elif answer.value is not None and self._monotonic() - answer.asked_at > REMEMBERED_SECONDS / 2:
            self._ask_once(key)  # so that those who come all the time never wait
        return answer.value

    def _recall(self, key: K) -> _Answer[V] | None:
        answer = self.good.get(key) or self.bad.get(key)
        if answer is not None and self._monotonic() - answer.asked_at < REMEMBERED_SECONDS:
            return answer
        return None

    def _ask_once(self, key: K) -> asyncio.Future[_Answer[V]]:
        asking = self.asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._ask(key))
            self.asking[key] = asking
            asking.add_done_callback(lambda done: self._asked(key, done))
        return asking

    def _asked(self, key: K, done: asyncio.Future[_Answer[V]]) -> None:
        del self.asking[key]
        if not done.cancelled():
            done.exception()  # told to those who wait, if anybody does

    async def _ask(self, key: K) -> _Answer[V]:
        known = self.good.get(key)
        if known is not None and self._monotonic() - known.asked_at < FAMILIAR_SECONDS:
            answer = await self._look_up(key)
        else:
            if self._waiting >= self._longest_line:
                raise Unavailable("Too many unknown keys are being tried; try again in a moment.")
            self._waiting += 1
            try:
                async with self._door:
                    answer = await self._look_up(key)
            finally:
                self._waiting -= 1
        self._remember(key, answer)
        return answer

    async def _look_up(self, key: K) -> _Answer[V]:
        asked_at = self._monotonic()
        return _Answer(await self._ask_for(key), asked_at)

    def _remember(self, key: K, answer: _Answer[V]) -> None:
        kept, other = (self.bad, self.good) if answer.value is None else (self.good, self.bad)
        other.pop(key, None)
        kept[key] = answer
        kept.move_to_end(key)
        while len(kept) > self._remembered:
            kept.popitem(last=False)
