"""What can be told of a plugin by looking at it, before it is called."""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Iterator
from enum import StrEnum
from types import UnionType
from typing import Any

from msgspec import Struct

from cdp.hooks.implementation import spec_arguments
from cdp.hooks.specs import PROJECT, Hooks, hook_names

_MARK = f"{PROJECT}_impl"
_NEAR = 0.85
_MODULES = re.compile(r"\b(?:[a-z_]+\.)+")


class Grade(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    """It works, and may not be what was meant."""
    FAIL = "FAIL"
    """It breaks what its hook promises."""


class Verdict(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    grade: Grade
    subject: str
    says: str


def implementations(plugin: object) -> dict[str, Any]:
    """The functions that are marked, by their hooks."""
    found = {}
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        marks = getattr(function, _MARK, None)
        if isinstance(marks, dict):
            found[marks.get("specname") or name] = function
    return found


def forgotten(plugin: object) -> Iterator[Verdict]:
    """Functions that are called as a hook is, or nearly so, and are not marked."""
    names = sorted(hook_names())
    marked = implementations(plugin)
    home = getattr(plugin, "__name__", None)
    for name, function in vars(plugin).items():
        if not inspect.isfunction(function) or name in marked or hasattr(function, _MARK):
            continue
        if home is not None and not (function.__module__ or "").startswith(home.partition(".")[0]):
            continue
        near = difflib.get_close_matches(name, names, n=1, cutoff=_NEAR)
        if near:
            yield Verdict(
                grade=Grade.WARN,
                subject=name,
                says=f"it is not marked @hookimpl, so it is never called; is it meant as {near[0]}?",
            )


def signatures(plugin: object) -> Iterator[Verdict]:
    """Whether what the functions are annotated with is what their hooks give and take."""
    for hook, function in implementations(plugin).items():
        problems = list(_problems(hook, function))
        for says in problems:
            yield Verdict(grade=Grade.FAIL, subject=hook, says=says)
        if not problems:
            given = ", ".join(spec_arguments(hook))
            yield Verdict(grade=Grade.OK, subject=hook, says=f"its signature fits {hook}({given})")


def _problems(hook: str, function: Any) -> Iterator[str]:
    if hook not in hook_names():
        return
    try:
        wanted = typing.get_type_hints(getattr(Hooks, hook))
        found = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        yield f"its annotations cannot be read: {error}"
        return
    for name in spec_arguments(hook):
        if name in found and found[name] not in (wanted[name], Any, object):
            yield f"it takes `{name}` for {_shown(found[name])}; the hook gives {_shown(wanted[name])}"
    if "return" in found and not _fits(found["return"], wanted.get("return")):
        yield f"it returns {_shown(found['return'])}; the hook takes {_shown(wanted['return'])}"


def _fits(found: Any, wanted: Any) -> bool:
    """Whether it is of the kind that the hook takes; whether its parts are, is told by what is returned."""
    if found in (wanted, Any):
        return True
    options = {_outer(one) for one in _options(wanted)}
    return all(_outer(one) in options for one in _options(found))


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _outer(annotation: Any) -> Any:
    origin = typing.get_origin(annotation) or annotation
    return list if origin in (list, tuple) else origin


def _shown(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return _MODULES.sub("", str(annotation))
