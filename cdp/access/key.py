"""A key as it is stored, and the principal that it makes of whoever brings it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from cdp.access.principals import Network, Principal, PrincipalKind
from cdp.access.scopes import NO_SCOPES, Scope, Scopes, preset_scopes
from cdp.model import WorkspaceId


class KeyState(StrEnum):
    """Whether a key is good."""

    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class Key(Struct, frozen=True, kw_only=True):
    """A key as it may be listed: without what it would take to use it."""

    key_id: int
    name: str
    role: str
    """A preset, or a role of the workspace's own."""
    scopes: Scopes
    publishable: bool
    prefix: str
    """Its first characters, to tell keys apart."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_at: datetime | None = None
    previous_prefix: str | None = None
    previous_until: datetime | None = None
    """Until when what it was before it was rotated is good as well."""
    last_used_at: datetime | None = None
    """At most a minute behind; None: never since this is noted."""
    networks: tuple[Network, ...] = ()
    origins: frozenset[str] = frozenset()

    def state(self, now: datetime) -> KeyState:
        """Whether it is good."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE

    def told(self) -> dict[str, Any]:
        """What the audit log says of it, as JSON; nothing of it authenticates."""
        return {
            "name": self.name,
            "role": self.role,
            "scopes": sorted(self.scopes),
            "publishable": self.publishable,
            "prefix": self.prefix,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "previous_until": None if self.previous_until is None else self.previous_until.isoformat(),
            "networks": [str(one) for one in self.networks],
            "origins": sorted(self.origins),
        }


class MadeKey(Struct, frozen=True, kw_only=True):
    """A key that was made or rotated just now."""

    key: Key
    token: str
    """What authenticates; it cannot be read again."""


class KeyChange(Struct, frozen=True, kw_only=True):
    """What is to become of a key; what is unset stays."""

    name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    networks: Sequence[str] | UnsetType = UNSET
    origins: Sequence[str] | UnsetType = UNSET


def to_principal(
    workspace_id: int,
    key_id: int,
    name: str,
    role: str,
    *,
    publishable: bool,
    scopes: Sequence[str] | None = None,
    declared: Scopes = NO_SCOPES,
    networks: Sequence[Network] = (),
    origins: Sequence[str] = (),
) -> Principal:
    """The principal of a stored key; `scopes` of its role if that is the workspace's own, `declared` by plugins."""
    granted = _granted(role, scopes, declared)
    return Principal(
        workspace_id=WorkspaceId(workspace_id),
        kind=PrincipalKind.KEY,
        subject=f"key:{key_id}",
        key_id=key_id,
        name=name,
        role=role,
        scopes=granted & {Scope.EVENTS_WRITE} if publishable else granted,
        publishable=publishable,
        networks=tuple(networks),
        origins=frozenset(origins),
    )


def _granted(role: str, own: Sequence[str] | None, declared: Scopes = NO_SCOPES) -> Scopes:
    """What a role grants; nothing if it is neither a preset nor one of the workspace's own any more."""
    preset = preset_scopes(role, declared)
    return frozenset(own or NO_SCOPES) if preset is None else preset


def to_key(row: Mapping[str, Any]) -> Key:
    """The key of a row."""
    return Key(
        **{
            **row,
            "scopes": _granted(row["role"], row["scopes"]),
            "networks": tuple(row["networks"]),
            "origins": frozenset(row["origins"]),
        }
    )
