"""What is looked at before a plugin is admitted, and what it registers."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pluggy
from msgspec import structs

from cdp.errors import Misconfigured
from cdp.hooks.calls import Calls
from cdp.hooks.health import FailureKind
from cdp.hooks.implementation import Implementation, implementation_of
from cdp.hooks.registers import Register
from cdp.model import IdentifierKind, PluginInfo


def implementations_of(manager: pluggy.PluginManager, shown: object) -> dict[str, Implementation]:
    """The functions of a registered plugin, by hook.

    Raises:
        Misconfigured: there is none, or there are two of a hook.
    """
    found = [
        implementation_of(one)
        for caller in manager.get_hookcallers(shown) or []
        for one in caller.get_hookimpls()
        if one.plugin is shown
    ]
    if not found:
        raise Misconfigured("it implements no hook; mark its functions with @hookimpl.")
    if twice := [hook for hook, times in Counter(one.hook for one in found).items() if times > 1]:
        raise Misconfigured(f"it implements {twice[0]} twice; make one function of the two.")
    return {one.hook: one for one in found}


def called_once(implementation: Implementation) -> Any:
    """What a `register_` hook returns.

    Raises:
        Misconfigured: it is `async`.
    """
    answer = implementation.function()
    if inspect.iscoroutine(answer):
        answer.close()
        raise Misconfigured(f"its {implementation.hook} is async; it must be an ordinary function.")
    return answer


def about_of(implementations: Mapping[str, Implementation]) -> PluginInfo:
    """What a plugin says of itself."""
    if (about := implementations.get("register_plugin")) is None:
        return PluginInfo()
    info = called_once(about)
    if not isinstance(info, PluginInfo):
        raise Misconfigured("its register_plugin returned something else than a PluginInfo.")
    return info


def check_run(
    info: PluginInfo, implementations: Mapping[str, Implementation], address: tuple[str, str] | None
) -> None:
    """Raise Misconfigured where a plugin wants processes of its own and cannot have them."""
    if info.run != "process":
        return
    if address is None:
        raise Misconfigured("it wants processes of its own, but is neither installed nor in a folder.")
    for hook, one in implementations.items():
        if unsuited := set(one.offered) - {"settings"}:
            raise Misconfigured(
                f"its {hook} wants {min(unsuited)!r}, which cannot be offered in a process of its own."
            )


def missing_guard(name: str, error: str) -> Misconfigured:
    """Why nothing starts without a guard."""
    return Misconfigured(
        f"The plugin {name!r} guards events and cannot be loaded: {error.rstrip('.')}. Without it they would be stored "
        "unguarded; mend it, or remove it if that is what you want."
    )


def may_move(implementations: Mapping[str, Implementation]) -> bool:
    """Whether a plugin would not notice that its calls are made elsewhere."""
    lives = {"on_start", "on_stop"} & implementations.keys()
    return not lives and not any(set(one.offered) - {"settings"} for one in implementations.values())


def collect(implementations: Mapping[str, Implementation], hook: str, register: Register) -> list[Any]:
    """What an implementation registers.

    Raises:
        Misconfigured: it is something else than its hook says.
    """
    if (found := implementations.get(hook)) is None:
        return []
    answer = called_once(found)
    if not isinstance(answer, list | tuple) or not all(isinstance(item, register.kind) for item in answer):
        raise Misconfigured(f"its {hook} returned something else than a list of {register.kind.__name__}.")
    for item in answer:
        if register.check is not None:
            register.check(item)
    return list(answer)


def sentence(error: BaseException) -> str:
    """An error as it is told to whoever looks after plugins."""
    if isinstance(error, Misconfigured):
        return error.message
    return f"{type(error).__name__}: {error}"


def never_failing(calls: Calls, plugin: str, kind: IdentifierKind) -> IdentifierKind:
    """The kind with a `normalise` that cannot fail: what the plugin's cannot handle is no identifier."""

    def normalise(value: str, country: str) -> str | None:
        try:
            canonical = kind.normalise(value, country)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            calls.count_failure(
                plugin, "register_identifier_kinds", FailureKind.RAISED, f"normalise: {error}"
            )
            return None
        return canonical if isinstance(canonical, str) else None

    return structs.replace(kind, normalise=normalise)
