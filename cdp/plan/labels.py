"""Labels: what a field reveals, and so which scope it takes to read it, filter by it or sort by it."""

from __future__ import annotations

from enum import StrEnum

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

    @property
    def scope(self) -> Scope:
        """The scope that it takes."""
        return _SCOPES[self]


Labels = frozenset[Label]

_SCOPES = {
    Label.INTENT: Scope.INTENT_READ,
    Label.USAGE: Scope.USAGE_READ,
    Label.PII: Scope.PII_READ,
    Label.PROFILES: Scope.PROFILES_READ,
    Label.ADMIN: Scope.WORKSPACE_ADMIN,
}

NONE: Labels = frozenset()
INTENT: Labels = frozenset({Label.INTENT})
USAGE: Labels = frozenset({Label.USAGE})
BOTH: Labels = frozenset({Label.INTENT, Label.USAGE})
PII: Labels = frozenset({Label.PII})
PROFILES: Labels = frozenset({Label.PROFILES})
ADMIN: Labels = frozenset({Label.ADMIN})


def lacking(labels: Labels, scopes: frozenset[Scope]) -> Scope | None:
    """The first scope that is missing to see what bears these labels; None: nothing is."""
    if not labels:
        return None
    return next((label.scope for label in sorted(labels) if label.scope not in scopes), None)
