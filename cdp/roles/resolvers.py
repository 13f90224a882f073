"""What roles and scores of a workspace are resolved with: which plugins, of which code, with which settings."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from cdp.hooks.manager import Plugins
from cdp.model import Workspace
from cdp.roles.scores import HOOKS as SCORES

HOOKS = ("resolve_roles", *SCORES.values())
"""Whose answers are kept until the person is settled again."""

_VIEWS = (
    "half_life_days",
    "warm_score",
    "hot_score",
    "window_days",
    "dormant_days",
    "habitual_days",
    "adopting_features",
    "onboarding_steps",
)
"""Settings of the workspace that decide what resolvers see."""
_MOST_FILES = 200
_FILES: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


class Resolver(Struct, frozen=True, kw_only=True):
    """One plugin that is asked."""

    plugin: str
    version: str
    hooks: tuple[str, ...]
    code: str
    """A digest of its files, so that a change is noticed where nobody counts versions; empty: they are not known."""
    settings: dict[str, Any]
    """Of a secret only whether it is set."""


def resolvers(plugins: Plugins, workspace: Workspace) -> list[Resolver]:
    """Who is asked on behalf of a workspace, by name."""
    asked: dict[str, list[str]] = {}
    code: dict[str, list[str]] = {}
    for hook in HOOKS:
        for one in plugins.calls.asked(hook, workspace):
            asked.setdefault(one.plugin, []).append(hook)
            code.setdefault(one.plugin, []).append(_code(one.function))
    versions = {known.name: known.version for known in plugins.health()} if asked else {}
    return [
        Resolver(
            plugin=plugin,
            version=versions.get(plugin, ""),
            hooks=tuple(asked[plugin]),
            code=_digest(*sorted(set(code[plugin]))),
            settings=plugins.settings.shown(plugin, workspace),
        )
        for plugin in sorted(asked)
    ]


def fingerprint(plugins: Plugins, workspace: Workspace, found: list[Resolver]) -> str:
    """Differs when anything does that the answers may hang on, besides facts about people and accounts."""
    views = [getattr(workspace.settings, name) for name in _VIEWS]
    return _digest(msgspec.json.encode((found, sorted(plugins.roles()), views), order="sorted").decode())


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=12).hexdigest()


def _code(function: Callable[..., Any]) -> str:
    plain = inspect.unwrap(getattr(function, "__func__", function))
    try:
        known = _FILES.get(plain)
        if known is None:
            known = _FILES[plain] = _read(Path(inspect.getfile(plain)))
    except (TypeError, OSError):
        return ""
    return known


def _read(file: Path) -> str:
    """A digest of a module's file, or, where it is a package's, of all its modules."""
    files = sorted(file.parent.rglob("*.py"))[:_MOST_FILES] if file.name == "__init__.py" else [file]
    return _digest(*(one.read_text(encoding="utf-8", errors="replace") for one in files))
