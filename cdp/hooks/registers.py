"""What plugins register once, when they are loaded: its type, its name, and what makes it unfit.

A hook `register_…` has a row in `REGISTERS`; what its implementations return is collected by `Plugins` and answered by
`Plugins.registered(hook)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.model import IdentifierKind, RoleKind


class Register(Struct, frozen=True, kw_only=True):
    """One hook `register_…`."""

    kind: type
    """Of each item that it returns."""
    what: str
    """What an item is called in messages, such as `role`."""
    name: Callable[[Any], str] | None = None
    """The name of an item, by which two are the same thing; None: items may be alike."""
    check: Callable[[Any], None] | None = None
    """Raises Misconfigured, whose sentence begins with a small letter, where an item cannot be used."""


_ROLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


def _check_role(role: RoleKind) -> None:
    if _ROLE_NAME.fullmatch(str(role.name)) is None:
        raise Misconfigured(f"{role.name!r} cannot be a role; write it like LEGAL_AND_COMPLIANCE.")


def _check_identifier_kind(kind: IdentifierKind) -> None:
    if not callable(kind.normalise):
        raise Misconfigured(f"the identifier kind {kind.name!r} is not complete.")


REGISTERS: Mapping[str, Register] = MappingProxyType(
    {
        "register_identifier_kinds": Register(
            kind=IdentifierKind,
            what="identifier kind",
            name=lambda kind: kind.name,
            check=_check_identifier_kind,
        ),
        "register_roles": Register(
            kind=RoleKind, what="role", name=lambda role: role.name, check=_check_role
        ),
    }
)
"""Every `register_` hook but those about the plugin itself. Add yours here."""
