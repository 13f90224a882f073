"""What a caller may do: scopes, and the roles that are presets of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from cdp.errors import BadInput

Scopes: TypeAlias = frozenset[str]
"""What somebody may do: members of `Scope`, and scopes that plugins' labels take (`plugin:LABEL:read`)."""


class Scope(StrEnum):
    """One permission."""

    EVENTS_WRITE = "events:write"
    PROFILES_READ = "profiles:read"
    """People, accounts, memberships and roles, without what identifies a person and without either panel."""
    PII_READ = "pii:read"
    INTENT_READ = "intent:read"
    """The buyer-intent panel."""
    USAGE_READ = "usage:read"
    """The usage panel."""
    PROFILES_WRITE = "profiles:write"
    WORKSPACE_ADMIN = "workspace:admin"
    AUDIT_READ = "audit:read"
    """The log of who did what; of the presets only ADMIN has it."""
    VISITOR_READ = "visitor:read"
    """What concerns the one person that a visitor's token proves; no role has it."""


class KeyRole(StrEnum):
    """A preset of scopes; every key is made with one, or with a role that the workspace defines itself."""

    ADMIN = "ADMIN"
    SALES = "SALES"
    SUPPORT = "SUPPORT"
    MARKETING = "MARKETING"
    INGEST = "INGEST"
    """For web pages and apps: publishable, since anybody can read it there."""
    PARTNER = "PARTNER"
    """Sends data, and sees who exists but neither panel nor what identifies a person."""

    @property
    def publishable(self) -> bool:
        """Whether keys of this role may be seen by anybody."""
        return self is KeyRole.INGEST


NO_SCOPES: Scopes = frozenset()

GRANTABLE: frozenset[Scope] = frozenset(Scope) - {Scope.VISITOR_READ}
"""What a role may grant; the rest comes with a visitor's token alone."""

SCOPES: Mapping[KeyRole, frozenset[Scope]] = MappingProxyType(
    {
        KeyRole.ADMIN: GRANTABLE,
        KeyRole.SALES: frozenset({Scope.PROFILES_READ, Scope.PII_READ, Scope.INTENT_READ}),
        KeyRole.SUPPORT: frozenset({Scope.PROFILES_READ, Scope.PII_READ, Scope.USAGE_READ}),
        KeyRole.MARKETING: frozenset({Scope.PROFILES_READ, Scope.INTENT_READ, Scope.USAGE_READ}),
        KeyRole.INGEST: frozenset({Scope.EVENTS_WRITE}),
        KeyRole.PARTNER: frozenset({Scope.EVENTS_WRITE, Scope.PROFILES_READ}),
    }
)


def preset_scopes(role: str, declared: Scopes = NO_SCOPES) -> Scopes | None:
    """The scopes of the preset of exactly that name; None: it is none.

    Args:
        role: its name.
        declared: what the labels take that the plugins of this process declare; ADMIN has it all.
    """
    preset = KeyRole.__members__.get(role)
    if preset is None:
        return None
    return SCOPES[preset] | declared if preset is KeyRole.ADMIN else SCOPES[preset]


def parse_role(text: str) -> KeyRole:
    """The preset of that name, in any case.

    Raises:
        BadInput: there is none; the message lists those that there are.
    """
    try:
        return KeyRole(text.strip().upper())
    except ValueError:
        roles = ", ".join(KeyRole)
        raise BadInput(
            f"{text[:80]!r} is not a role of keys; choose one of {roles}.", field=("role",)
        ) from None
