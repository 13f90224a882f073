"""Stages and counts, and who is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

Fact: TypeAlias = str | int | float | bool
"""What may be said of a stage: a number, or a word out of few. Never anything that a person sent."""

Here: TypeAlias = Any
"""A place in a trace, to be linked to from another; None where nothing is traced."""


class Figures(Protocol):
    """Where durations and counts go."""

    def staged(self, name: str, seconds: float) -> None:
        """A stage took so long."""

    def counted(self, name: str, labels: tuple[str, ...], by: float) -> None:
        """Something happened, so often."""


class Tracer(Protocol):
    """Where spans go."""

    def begin(self, name: str, facts: dict[str, Fact], links: Sequence[Here] | None) -> Any:
        """A stage begins, within the one that is going on; with links, it begins a trace of its own."""

    def add(self, span: Any, facts: dict[str, Fact]) -> None:
        """Something became known of a stage."""

    def end(self, span: Any, error: type[BaseException] | None) -> None:
        """A stage is over."""

    def here(self) -> Here:
        """The stage that is going on."""


class Watch:
    """Who is told: `figures` of how long and how often, `tracer` of the single case; either may be None."""

    __slots__ = ("figures", "tracer")

    def __init__(self, figures: Figures | None = None, tracer: Tracer | None = None) -> None:
        self.figures = figures
        self.tracer = tracer


_watch: ContextVar[Watch | None] = ContextVar("cdp_watch", default=None)


@contextmanager
def watched_by(watch: Watch) -> Iterator[None]:
    """Tell `watch` of what happens within the block, and in the tasks that are started there."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


class stage:  # noqa: N801 - reads as the statement that it stands in
    """One step: timed for the figures under `name`, and a span of the trace.

    Args:
        name: one of few, with dots between the parts.
        links: places in other traces that this step works for; given, even if empty, the step begins its own trace.
        facts: what is known of it beforehand.
    """

    __slots__ = ("_began", "_facts", "_links", "_name", "_span", "_watch")

    def __init__(self, name: str, /, links: Sequence[Here] | None = None, **facts: Fact) -> None:
        self._name = name
        self._links = links
        self._facts = facts
        self._watch: Watch | None = None
        self._span: Any = None
        self._began = 0.0

    def __enter__(self) -> Self:
        watch = self._watch = _watch.get()
        if watch is not None:
            if watch.tracer is not None:
                self._span = watch.tracer.begin(self._name, self._facts, self._links)
            self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        watch = self._watch
        if watch is None:
            return
        if watch.figures is not None:
            watch.figures.staged(self._name, perf_counter() - self._began)
        if self._span is not None and watch.tracer is not None:
            watch.tracer.end(self._span, kind)

    def note(self, **facts: Fact) -> None:
        """Say more of it, once that is known; for the trace alone."""
        if self._span is not None and self._watch is not None and self._watch.tracer is not None:
            self._watch.tracer.add(self._span, facts)


def count(name: str, *labels: str, by: float = 1) -> None:
    """Something happened; `labels` are words out of few, as the figure of that name wants them."""
    watch = _watch.get()
    if watch is not None and watch.figures is not None:
        watch.figures.counted(name, labels, by)


def took(name: str, seconds: float) -> None:
    """A step that was timed otherwise took so long."""
    watch = _watch.get()
    if watch is not None and watch.figures is not None:
        watch.figures.staged(name, seconds)


def here() -> Here:
    """The stage that is going on, for another to link to; None where nothing is traced."""
    watch = _watch.get()
    return None if watch is None or watch.tracer is None else watch.tracer.here()
