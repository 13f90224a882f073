"""Asking plugins, one after the other, about the events of one request: one call of each for all of them.

Where a call about several events fails by one of them, they are halved until it is known which one it is.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from cdp.hooks.calls import Calls
from cdp.hooks.health import FailureKind
from cdp.hooks.implementation import Implementation
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.model import Batch, Workspace

W = TypeVar("W")
T = TypeVar("T")

Check = Callable[[Batch[Any], object], dict[int, Any]]

BUDGET = 4.0
"""Seconds after which plugins are asked no further about one request: its sender waits for ten at most."""

_OF_AN_ITEM = (FailureKind.RAISED, FailureKind.REFUSED)
"""Failures that one item may cause."""


class Round(Generic[W, T]):
    """What one hook's plugins are asked about, and what becomes of their answers.

    Args:
        left: what is still to be asked about when a plugin's turn comes.
        item: what it is shown as.
        said: takes the plugin, the one that it spoke of, and what it said.
        failed: takes the plugin and one that it could not be asked about; None: then it has nothing to say.
    """

    def __init__(
        self,
        *,
        left: Callable[[], Sequence[W]],
        item: Callable[[W], T],
        said: Callable[[str, W, Any], None],
        failed: Callable[[str, W], None] | None = None,
    ) -> None:
        self._left = left
        self._item = item
        self._said = said
        self._failed = failed
        self.after: Round[Any, Any] | None = None
        """The one before it on the same way: while that one has stumbled, nobody is asked in this one."""
        self._asked: Sequence[W] = ()
        self._shown: Batch[T] | None = None
        """What the last plugin was shown, for as long as nobody has changed anything."""
        self.stumbled: str | None = None
        """The plugin whose call failed, perhaps by one event alone; those after it have not been asked."""

    @property
    def waits(self) -> bool:
        """Whether somebody has stumbled, here or before."""
        return self.stumbled is not None or (self.after is not None and self.after.waits)

    def due(self, _plugin: str) -> tuple[list[int], Sequence[Batch[T]]]:
        """Everything that is left, together; nothing once somebody has stumbled."""
        if self.waits:
            return [], []
        if self._shown is None:
            self._asked = self._left()
            self._shown = self.batch(self._asked)
        return ([0], [self._shown]) if self._asked else ([], [])

    def take(self, plugin: str, _indexes: Sequence[int], outcomes: Sequence[Outcome[dict[int, Any]]]) -> None:
        """What it said about them, or that it stumbled."""
        for outcome in outcomes:
            if not self.settle(plugin, self._asked, outcome):
                self.stumbled = plugin

    def everything(self) -> Sequence[W]:
        """What is to be asked about now."""
        return self._left()

    def batch(self, some: Sequence[W]) -> Batch[T]:
        """As plugins are shown them."""
        return Batch(tuple(map(self._item, some)))

    def settle(self, plugin: str, some: Sequence[W], outcome: Outcome[dict[int, Any]]) -> bool:
        """Do what an outcome about some of them means; False: it may be the fault of one of them."""
        match outcome:
            case Answered(answers):
                for index, answer in answers.items():
                    self._said(plugin, some[index], answer)
                    self._shown = None
            case Failed(kind) if len(some) > 1 and kind in _OF_AN_ITEM:
                return False
            case Failed():
                if self._failed is not None:
                    self._shown = None
                    for one in some:
                        self._failed(plugin, one)
        return True


class _Halves(Generic[W, T]):
    """The same plugin again, about parts."""

    def __init__(self, round_: Round[W, T], parts: Sequence[Sequence[W]]) -> None:
        self._round = round_
        self._parts = parts
        self.bad: list[Sequence[W]] = []

    def due(self, _plugin: str) -> tuple[list[int], Sequence[Batch[T]]]:
        return list(range(len(self._parts))), [self._round.batch(part) for part in self._parts]

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[dict[int, Any]]]) -> None:
        for index, outcome in zip(indexes, outcomes, strict=True):
            if not self._round.settle(plugin, self._parts[index], outcome):
                self.bad.append(self._parts[index])


class Part(NamedTuple):
    """One hook's part of a way."""

    implementations: Sequence[Implementation]
    round: Round[Any, Any]
    check: Check


class Asking:
    """Asking on behalf of one workspace, for as long as its sender may wait."""

    def __init__(self, calls: Calls, workspace: Workspace) -> None:
        self._calls = calls
        self._workspace = workspace
        self._until = time.monotonic() + BUDGET

    async def all(self, parts: Sequence[Part]) -> None:
        """Go through all of them in their order, halving where it must be."""
        parts = [part._replace(check=_or_nothing(part.check)) for part in parts if part.implementations]
        for before, part in itertools.pairwise(parts):
            part.round.after = before.round
        while parts:
            await self._calls.ask_all(parts, workspace=self._workspace, budget=self._budget)
            parts = list(itertools.dropwhile(lambda part: part.round.stumbled is None, parts))
            if not parts:
                return
            (implementations, round_, check), *rest = parts
            position = [one.plugin for one in implementations].index(round_.stumbled or "")
            await self._halve(implementations[position], round_, check)
            round_.stumbled = None
            left = implementations[position + 1 :]
            parts = [Part(left, round_, check), *rest] if left else rest

    @property
    def _budget(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def _halve(self, one: Implementation, round_: Round[Any, Any], check: Check) -> None:
        bad: list[Sequence[Any]] = [round_.everything()]
        while bad:
            cut = [half for part in bad for half in (part[: len(part) // 2], part[len(part) // 2 :])]
            halves = _Halves(round_, cut)
            await self._calls.ask([one], halves, check, workspace=self._workspace, budget=self._budget)
            bad = halves.bad


def _or_nothing(check: Check) -> Check:
    """Who says nothing, as nearly all do nearly always, is not checked further."""
    return lambda batch, answer: (
        {} if answer is None or (type(answer) is dict and not answer) else check(batch, answer)
    )
