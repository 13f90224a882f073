"""What plugins rely on: the public names, the hooks and their arguments, and the order in which they are called.

A change here is a change for every plugin that anybody has written: add, and say so in the changelog; take away only
what was warned about for a release.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.hooks.calls import told
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Held
from cdp.hooks.registers import REGISTERS
from cdp.model import PluginInfo
from tests.hooks.parts import HOOKS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Value(Struct, frozen=True):
    """What the tests ask about."""

    said: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """None."""


@pytest.fixture
async def plugins() -> AsyncIterator[Plugins]:
    plugins = Plugins(deadline=20.0)
    yield plugins
    await plugins.aclose()


def everything(name: str, called: list[str]) -> SimpleNamespace:
    """A plugin with every hook, which notes each call."""

    def implementation(hook: str) -> Callable[..., object]:
        def call(**given: object) -> object:
            called.append(f"{name}.{hook}")
            match hook:
                case "register_plugin":
                    return PluginInfo()
                case "register_settings":
                    return Settings
                case _ if hook.startswith("register_"):
                    return []
                case _:
                    return None

        # Named as the hook names them, so that it is given them.
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(one, inspect.Parameter.POSITIONAL_OR_KEYWORD) for one in HOOKS[hook]]
        )
        return call

    return SimpleNamespace(**{hook: hookimpl(implementation(hook)) for hook in sorted(HOOKS)})


def test_a_plugin_is_asked_what_it_registers_once_and_in_this_order(plugins: Plugins) -> None:
    """Who it is first, its settings next, then all else."""
    called: list[str] = []
    plugins.register(everything("a", called), name="a")
    assert plugins.left_out() == frozenset()
    assert called == ["a.register_plugin", "a.register_settings", *(f"a.{hook}" for hook in REGISTERS)]
    assert set(REGISTERS) == {name for name in HOOKS if name.startswith("register_")} - {
        "register_plugin",
        "register_settings",
    }


@pytest.mark.parametrize("times", [1, 5], ids=["at first", "once they are known to be quick"])
async def test_three_plugins_are_called_in_this_order(plugins: Plugins, times: int) -> None:
    """Later registered, earlier asked, by every rule that goes from one to the next; a request at a time, in turn."""
    called: list[str] = []
    for name in "abc":
        plugins.register(everything(name, called), name=name)
    calls, values = plugins.calls, [Value(), Value()]
    chained: dict[str, Callable[[], Any]] = {
        "transform_event": lambda: calls.transform("transform_event", values, keep, pass_on=same),
        "guard_event": lambda: calls.guard("guard_event", values, keep, pass_on=same),
        "guard_consent": lambda: calls.guard("guard_consent", values, keep, pass_on=same),
        "choose_personalisation": lambda: calls.first("choose_personalisation", values, keep),
        "classify_event": lambda: calls.first("classify_event", values, keep),
        "enrich_person": lambda: calls.waterfall(
            "enrich_person", values, keep, pass_on=same, wanted=lambda plugin, index: True
        ),
    }
    for hook, call in chained.items():
        for _ in range(times):
            called.clear()
            await call()
        assert called == [f"{name}.{hook}" for name in "cba" for _ in values]
    for hook in sorted(set(HOOKS) - set(REGISTERS) - set(chained) - {"register_plugin", "register_settings"}):
        for _ in range(times):
            called.clear()
            answers = await calls.union(hook, values, told)
        assert sorted(called) == [f"{name}.{hook}" for name in "abc" for _ in values]
        assert [list(answer) for answer in answers] == [["c", "b", "a"]] * 2


def keep(_request: Value, answer: object) -> Any:
    return answer


def same(request: Value, _answer: object) -> Value:
    return request


def saying(*words: str | None) -> Callable[..., object]:
    """An implementation that adds a word to what it is given."""

    def transform_event(events: Value) -> object:
        match words:
            case (None,):
                return None
            case ("raise",):
                raise RuntimeError("chaos")
            case _:
                return (*events.said, *words)

    return transform_event


async def test_transformations_see_what_those_before_them_made_and_failures_change_nothing(
    plugins: Plugins,
) -> None:
    """None, and what is raised, leave it as it was."""
    for name, one in {
        "last": saying("c"),
        "none": saying(None),
        "fails": saying("raise"),
        "first": saying("a"),
    }.items():
        plugins.register(SimpleNamespace(transform_event=hookimpl(one)), name=name)
    changed = await plugins.calls.transform(
        "transform_event", [Value(), Value(said=("x",))], keep, pass_on=lambda _, said: Value(said=said)
    )
    assert changed == [Value(said=("a", "c")), Value(said=("x", "a", "c"))]


async def test_a_guard_that_fails_or_refuses_lets_nothing_pass_and_later_ones_are_not_asked(
    plugins: Plugins,
) -> None:
    """What passes goes on to the next one as it was made."""
    asked: list[tuple[str, ...]] = []

    def second(events: Value) -> object:
        asked.append(events.said)
        return None

    def first(events: Value) -> object:
        match events.said:
            case ("bad",):
                return "no"
            case ("broken",):
                raise RuntimeError("chaos")
            case _:
                return "yes"

    plugins.register(SimpleNamespace(guard_event=hookimpl(second)), name="second")
    plugins.register(SimpleNamespace(guard_event=hookimpl(first)), name="first")

    def pass_on(value: Value, answer: str) -> Value | Held:
        return Held(plugin="", reason="refused") if answer == "no" else Value(said=("clean",))

    passed = await plugins.calls.guard(
        "guard_event", [Value(said=(word,)) for word in ("good", "bad", "broken")], keep, pass_on=pass_on
    )
    assert passed[0] == Value(said=("clean",))
    assert [isinstance(one, Held) for one in passed] == [False, True, True]
    assert isinstance(passed[2], Held)
    assert (passed[2].plugin, passed[2].kind) == ("first", "RAISED")
    assert asked == [("clean",)]


async def test_one_veto_is_enough_and_the_first_in_order_is_named(plugins: Plugins) -> None:
    """A failure is no veto."""
    for name, answer in {"a": "because a", "b": "because b", "c": None}.items():
        plugins.register(SimpleNamespace(veto_link=hookimpl(lambda links, answer=answer: answer)), name=name)

    def fails(links: object) -> object:
        raise RuntimeError("chaos")

    plugins.register(SimpleNamespace(veto_link=hookimpl(fails)), name="d")
    assert await plugins.calls.veto("veto_link", [Value()], keep) == [("b", "because b")]


def test_nobody_is_asked_where_nobody_implements_a_hook(plugins: Plugins) -> None:
    """One look at an attribute tells."""
    assert {hook: getattr(plugins.calls.implementing, hook) for hook in HOOKS} == dict.fromkeys(HOOKS, ())
    plugins.register(SimpleNamespace(transform_event=hookimpl(lambda: None)), name="a")
    assert [one.plugin for one in plugins.calls.implementing.transform_event] == ["a"]
    assert plugins.calls.asked("transform_event", None, disabled={"a"}) == ()
