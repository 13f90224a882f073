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
