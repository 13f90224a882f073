"""What plugins were asked, and what they answered."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, overload

from msgspec import Struct

from cdp.hooks.implementation import Implementation


class HookCall(Struct, frozen=True, kw_only=True):
    """One call of one plugin."""

    plugin: str
    hook: str
    given: Mapping[str, Any]
    """The arguments of its hook that it named, as they were before the call."""
    offered: Mapping[str, Any]
    """What it named besides."""
    answer: Any = None
    error: BaseException | None = None
    """What it raised."""
    seconds: float
    mutated: bool = False
    """Whether it changed what it was given."""
    implementation: Implementation
    """What was called."""


class HookCalls:
    """All calls so far, in the order in which they ended; `calls("resolve_roles")` are those of one hook.

    Args:
        instead: what functions are given, by name, instead of what is offered to them.
    """

    def __init__(self, instead: Mapping[str, object] | None = None) -> None:
        self._instead = instead or {}
        self._made: list[HookCall] = []

    def __call__(self, hook: str | None = None, *, plugin: str | None = None) -> list[HookCall]:
        """Those of a hook, of a plugin, or of both."""
        return [
            one
            for one in list(self._made)
            if (hook is None or one.hook == hook) and (plugin is None or one.plugin == plugin)
        ]

    def clear(self) -> None:
        """Forget what was."""
        self._made.clear()

    def __iter__(self) -> Iterator[HookCall]:
        return iter(list(self._made))

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, index: int) -> HookCall: ...
    @overload
    def __getitem__(self, index: slice) -> list[HookCall]: ...
    def __getitem__(self, index: int | slice) -> HookCall | list[HookCall]:
        return self._made[index]

    def heard(self, implementation: Implementation) -> Callable[..., Any]:
        """The implementation's function, with every call of it noted here."""
        function = implementation.function
        if implementation.is_async:

            @functools.wraps(function)
            async def asynchronous(**named: Any) -> Any:
                named |= {name: one for name, one in self._instead.items() if name in named}
                note = _Note(implementation, named)
                try:
                    answer = await function(**named)
                except BaseException as error:
                    self._made.append(note.ended(error=error))
                    raise
                self._made.append(note.ended(answer))
                return answer

            return asynchronous

        @functools.wraps(function)
        def ordinary(**named: Any) -> Any:
            named |= {name: one for name, one in self._instead.items() if name in named}
            note = _Note(implementation, named)
            try:
                answer = function(**named)
            except BaseException as error:
                self._made.append(note.ended(error=error))
                raise
            self._made.append(note.ended(answer))
            return answer

        return ordinary


class _Note:
    """A call that is going on."""

    def __init__(self, implementation: Implementation, named: Mapping[str, Any]) -> None:
        self._implementation = implementation
        self._lent = {name: named[name] for name in implementation.arguments if name in named}
        self._given = copy.deepcopy(self._lent)
        self._offered = {name: value for name, value in named.items() if name not in self._lent}
        self._began = time.perf_counter()

    def ended(self, answer: object = None, error: BaseException | None = None) -> HookCall:
        return HookCall(
            plugin=self._implementation.plugin,
            hook=self._implementation.hook,
            given=self._given,
            offered=self._offered,
            answer=answer,
            error=error,
            seconds=time.perf_counter() - self._began,
            mutated=self._lent != self._given,
            implementation=self._implementation,
        )
