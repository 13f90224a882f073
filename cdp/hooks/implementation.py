"""What implements a hook, with the arguments that it wants to be given.

pluggy keeps who implements what, and in which order. It is shown a stand-in without arguments for each function, since
ours may name more than their hook has: what is offered besides (`cdp.hooks.offers`).
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pluggy
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks.offers import OFFERED
from cdp.hooks.specs import PROJECT, Hooks, hook_names

_MARK = f"{PROJECT}_impl"
_WITHOUT_WORKSPACE = ("register_", "on_start", "on_stop")
"""Hooks that begin like this are not called on behalf of a workspace, so nothing of one can be offered."""


class Implementation(Struct, frozen=True, kw_only=True):
    """One plugin's function for one hook."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    """Those of the hook that it names."""
    offered: tuple[str, ...]
    """What it names besides."""
    is_async: bool
    registered: bool = False
    """Whether it is no hook itself, but was registered by that hook, such as the resolver of a field."""


def spec_arguments(hook: str) -> tuple[str, ...]:
    """The names of a hook's arguments."""
    return tuple(name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self")


def stand_in(manager: pluggy.PluginManager, plugin: object, name: str) -> ModuleType:
    """What pluggy is given for a plugin: the same marks, on functions that carry an `Implementation`.

    Raises:
        Misconfigured: the plugin implements a hook that is none, or wants what neither the hook has nor is offered.
    """
    module = ModuleType(name)
    for attribute in dir(plugin):
        marks = manager.parse_hookimpl_opts(plugin, attribute)
        if marks is None:
            continue
        hook = marks.get("specname") or attribute
        if hook not in hook_names():
            raise Misconfigured(f"there is no hook {hook}; {_near(hook)}")
        if marks.get("wrapper") or marks.get("hookwrapper"):
            raise Misconfigured(f"its {hook} is a wrapper; hooks here cannot be wrapped.")
        setattr(module, attribute, _carrier(_read(name, hook, getattr(plugin, attribute)), marks))
    return module


def implementation_of(one: pluggy.HookImpl) -> Implementation:
    """What a stand-in stands for."""
    found: Implementation = one.function.implementation  # type: ignore[attr-defined]
    return found


def _carrier(implementation: Implementation, marks: object) -> Callable[[], None]:
    def stands_in() -> None:
        """Never called."""

    stands_in.implementation = implementation  # type: ignore[attr-defined]
    setattr(stands_in, _MARK, marks)
    return stands_in


def _read(plugin: str, hook: str, function: Callable[..., Any]) -> Implementation:
    bound = not hook.startswith(_WITHOUT_WORKSPACE)
    return function_of(plugin, hook, function, spec_arguments(hook), bound=bound)


def function_of(
    plugin: str, hook: str, function: Callable[..., Any], known: tuple[str, ...], *, bound: bool = True
) -> Implementation:
    """A plugin's function with the arguments that it names.

    Args:
        plugin: whose.
        hook: which it implements, or by which it was registered; what failures are counted under.
        function: what is called.
        known: arguments that it may name.
        bound: whether it is called on behalf of a workspace, so that what is offered may be named too.

    Raises:
        Misconfigured: it wants something else.
    """
    arguments: list[str] = []
    offered: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in known:
            arguments.append(parameter.name)
        elif bound and parameter.name in OFFERED:
            offered.append(parameter.name)
        elif parameter.default is parameter.empty:
            has = ", ".join(known) or "none"
            besides = f"; offered besides are {', '.join(sorted(OFFERED))}" if bound else ""
            raise Misconfigured(
                f"its {hook} wants an argument {parameter.name!r}; the hook has {has}{besides}."
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise Misconfigured(f"its {hook} takes {parameter.name!r} by position only; take it by name.")
    return Implementation(
        plugin=plugin,
        hook=hook,
        function=function,
        arguments=tuple(arguments),
        offered=tuple(offered),
        is_async=inspect.iscoroutinefunction(function),
    )


def _near(hook: str) -> str:
    names = sorted(hook_names())
    near = difflib.get_close_matches(hook, names, n=1)
    return f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(names)}."
