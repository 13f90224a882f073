"""The ways of requests through plugins: what each one is asked about, and what becomes of its answers.

Pure bookkeeping, one plugin at a time: `due`, then `take`. In which thread that happens is the affair of who calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from cdp.hooks.frozen import frozen
from cdp.hooks.outcomes import Answered, Failed, Held, Outcome

Q = TypeVar("Q", bound=Struct)
A = TypeVar("A")
Q_co = TypeVar("Q_co", bound=Struct, covariant=True)
A_contra = TypeVar("A_contra", contravariant=True)

Wanted = Callable[[str, int], bool]
"""`(plugin, index of the request)`: whether this plugin is to be asked about it."""


class Course(Protocol[Q_co, A_contra]):
    """One call of a hook, of all its plugins."""

    def due(self, plugin: str) -> tuple[list[int], Sequence[Q_co]]:
        """What a plugin is to be asked about: indexes, and requests."""

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A_contra]]) -> None:
        """What it said."""


class Union(Generic[Q, A]):
    """Everybody is asked about everything."""

    def __init__(self, requests: Sequence[Q], wanted: Wanted | None) -> None:
        self._requests = [frozen(request) for request in requests]
        self._wanted = wanted
        self._columns: dict[str, tuple[Sequence[int], Sequence[Outcome[A]]]] = {}

    def due(self, plugin: str) -> tuple[list[int], Sequence[Q]]:
        """All that is wanted."""
        everything = range(len(self._requests))
        if self._wanted is None:
            return list(everything), self._requests
        indexes = [index for index in everything if self._wanted(plugin, index)]
        return indexes, [self._requests[index] for index in indexes]

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A]]) -> None:
        """Beside the others."""
        self._columns[plugin] = (indexes, outcomes)

    def answers(self, order: Sequence[str]) -> list[dict[str, Outcome[A]]]:
        """For each request, what each plugin said, in this order of plugins."""
        answers: list[dict[str, Outcome[A]]] = [{} for _ in self._requests]
        for plugin in order:
            indexes, outcomes = self._columns.get(plugin, ((), ()))
            for index, outcome in zip(indexes, outcomes, strict=True):
                answers[index][plugin] = outcome
        return answers


class Waterfall(Generic[Q, A]):
    """One after the other, each with what those before it answered."""

    def __init__(self, requests: Sequence[Q], wanted: Wanted, pass_on: Callable[[Q, A], Q]) -> None:
        self._current = [frozen(request) for request in requests]
        self._wanted = wanted
        self._pass_on = pass_on
        self.answers: list[dict[str, Outcome[A]]] = [{} for _ in requests]

    def due(self, plugin: str) -> tuple[list[int], Sequence[Q]]:
        """All that is wanted, as it is by now."""
        indexes = [index for index in range(len(self._current)) if self._wanted(plugin, index)]
        return indexes, [self._current[index] for index in indexes]

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A]]) -> None:
        """Passed on to those after it."""
        for index, outcome in zip(indexes, outcomes, strict=True):
            self.answers[index][plugin] = outcome
            if isinstance(outcome, Answered):
                self._current[index] = frozen(self._pass_on(self._current[index], outcome.value))


class First(Generic[Q, A]):
    """One after the other, until one has an answer."""

    def __init__(self, requests: Sequence[Q]) -> None:
        self._requests = [frozen(request) for request in requests]
        self.answers: list[tuple[str, A] | None] = [None] * len(requests)

    def due(self, _plugin: str) -> tuple[list[int], Sequence[Q]]:
        """What nobody has answered."""
        indexes = [index for index, answer in enumerate(self.answers) if answer is None]
        return indexes, [self._requests[index] for index in indexes]

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A | None]]) -> None:
        """The first one holds."""
        for index, outcome in zip(indexes, outcomes, strict=True):
            if isinstance(outcome, Answered) and outcome.value is not None:
                self.answers[index] = (plugin, outcome.value)


class Chain(Generic[Q, A]):
    """One after the other may change each request."""

    def __init__(self, requests: Sequence[Q], pass_on: Callable[[Q, A], Q]) -> None:
        self.current = list(requests)
        self._pass_on = pass_on

    def due(self, _plugin: str) -> tuple[list[int], Sequence[Q]]:
        """Everything, as it is by now."""
        return list(range(len(self.current))), [frozen(request) for request in self.current]

    def take(self, _plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A | None]]) -> None:
        """None, and a failure, change nothing."""
        for index, outcome in zip(indexes, outcomes, strict=True):
            if isinstance(outcome, Answered) and outcome.value is not None:
                self.current[index] = self._pass_on(self.current[index], outcome.value)


class Guard(Generic[Q, A]):
    """One after the other must let each request pass."""

    def __init__(self, requests: Sequence[Q], pass_on: Callable[[Q, A], Q | Held]) -> None:
        self.current: list[Q | Held] = list(requests)
        self._pass_on = pass_on

    def due(self, _plugin: str) -> tuple[list[int], Sequence[Q]]:
        """What has passed so far."""
        passed = [(index, one) for index, one in enumerate(self.current) if not isinstance(one, Held)]
        return [index for index, _ in passed], [frozen(one) for _, one in passed]

    def take(self, plugin: str, indexes: Sequence[int], outcomes: Sequence[Outcome[A | None]]) -> None:
        """None lets it pass; a failure holds it."""
        for index, outcome in zip(indexes, outcomes, strict=True):
            request = self.current[index]
            if isinstance(outcome, Failed):
                self.current[index] = Held(plugin=plugin, kind=outcome.kind, reason=outcome.error)
            elif outcome.value is not None and not isinstance(request, Held):
                self.current[index] = self._pass_on(request, outcome.value)
