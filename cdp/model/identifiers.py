"""Identifiers: (kind, value) pairs that point at a person."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Identifier(Struct, frozen=True, order=True):
    """One identifier, its value already normalised by its kind."""

    kind: str
    value: str


class IdentifierKind(Struct, frozen=True, kw_only=True):
    """How identifiers of one kind behave."""

    name: str
    priority: int
    """Smaller is stronger: an event hangs on the node of its strongest identifier."""
    limit: int
    """How many different values one profile may hold by automatic linking; 1 makes the kind unique per profile."""
    normalise: Callable[[str, str], str | None]
    """`(value, default country)` → the canonical form, or None when this cannot be such an identifier."""

    @property
    def unique(self) -> bool:
        """Two different values of a unique kind never join two profiles: the shared-device guard."""
        return self.limit == 1


class LinkCandidate(Struct, frozen=True):
    """Two identifiers that were seen together, the stronger first, and would become one person's."""

    one: Identifier
    other: Identifier


class LinkVeto(Struct, frozen=True):
    """Why two identifiers that an event carries are not linked by it."""

    one: Identifier
    other: Identifier
    reason: str
    by: str
    """The plugin."""


class IdentityRule(Struct, frozen=True, kw_only=True):
    """Identifiers that are never linked by themselves; a person can still merge the profiles.

    It speaks of pairs alone and not of what profiles hold: for that, identifier kinds have limits.
    """

    name: str
    """Such as `shared_inbox`."""
    reason: str
    """Why, in a sentence; shown by identityExplain."""
    kind: str
    """Identifiers of this kind …"""
    pattern: str = ".*"
    """… whose whole value this regular expression matches …"""
    never_with: tuple[str, ...] = ()
    """… are not linked to identifiers of these kinds; empty: to none of any kind."""
