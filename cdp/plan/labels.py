"""Labels: what a field reveals, and so which scope it takes to read it, filter by it or sort by it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

from cdp.access.scopes import Scope


class Label(StrEnum):
    """What a value reveals."""

    INTENT = "intent"
    """The buyer-intent panel."""
    USAGE = "usage"
    """The usage panel."""
    PII = "pii"
    """Who somebody is."""
    PROFILES = "profiles"
    """That somebody exists: every field of Query that reads people or accounts."""

    ADMIN = "admin"
    """What concerns those alone who run the workspace."""
    AUDIT = "audit"
    """Who did what."""
    VISITOR = "visitor"
    """What is a visitor's own, to that visitor."""

    @property
    def scope(self) -> Scope:
        """The scope that it takes."""
        return _SCOPES[self]


class PluginScope(str):
    """The scope that a plugin's label takes: `plugin:<label>:read`, granted by ADMIN and by custom roles."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """As text, as a Scope has it."""
        return str(self)


class PluginLabel(str):
    """A label that a plugin declares for what it alone knows how to call, such as `credit`."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """As text, as a Label has it."""
        return str(self)

    @property
    def scope(self) -> PluginScope:
        """The scope that it takes."""
        return PluginScope(f"plugin:{self}:read")


AnyScope: TypeAlias = Scope | PluginScope
Labels = frozenset[Label | PluginLabel]

_SCOPES = {
    Label.INTENT: Scope.INTENT_READ,
    Label.USAGE: Scope.USAGE_READ,
    Label.PII: Scope.PII_READ,
    Label.PROFILES: Scope.PROFILES_READ,
    Label.ADMIN: Scope.WORKSPACE_ADMIN,
    Label.AUDIT: Scope.AUDIT_READ,
    Label.VISITOR: Scope.VISITOR_READ,
}
_LABELS = {label.value: label for label in Label}
_NAMED = {scope.value: scope for scope in Scope}

NONE: Labels = frozenset()
INTENT: Labels = frozenset({Label.INTENT})
USAGE: Labels = frozenset({Label.USAGE})
BOTH: Labels = frozenset({Label.INTENT, Label.USAGE})
PII: Labels = frozenset({Label.PII})
PROFILES: Labels = frozenset({Label.PROFILES})
ADMIN: Labels = frozenset({Label.ADMIN})
AUDIT: Labels = frozenset({Label.AUDIT})
VISITOR: Labels = frozenset({Label.VISITOR})


def label_of(name: str) -> Label | PluginLabel:
    """The label of that name: the core's, else a plugin's."""
    return Label(name) if name in frozenset(Label) else PluginLabel(name)


def scopes_of(names: Iterable[str]) -> frozenset[AnyScope]:
    """The scopes that labels of these names take."""
    return frozenset(label_of(name).scope for name in names)


def scope_of(name: str) -> AnyScope:
    """The scope of that name: the core's, else that of a plugin's label."""
    return _NAMED.get(name) or PluginScope(name)


def lacking(labels: Labels, scopes: frozenset[str]) -> AnyScope | None:
    """The first scope that is missing to see what bears these labels; None: nothing is."""
    if not labels:
        return None
    return next((label.scope for label in sorted(labels) if label.scope not in scopes), None)
