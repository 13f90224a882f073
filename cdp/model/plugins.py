"""What a plugin says of itself."""

from __future__ import annotations

import hmac
from typing import Any, Literal

from msgspec import Struct
from typing_extensions import override


class PluginInfo(Struct, frozen=True, kw_only=True):
    """A plugin, in its own words."""

    summary: str = ""
    """One sentence for administrators: what it does."""
    run: Literal["thread", "process"] = "thread"
    """Where its calls are made: in threads of the server, or, for what computes for long, in processes of its own."""
    opt_in: bool = False
    """Whether it does nothing in a workspace until that turns it on."""
    labels: frozenset[str] = frozenset()
    """Words by which administrators find it, such as `crm`."""
    reveals: dict[str, str] = {}
    """Labels of its own for fields that it adds, such as `credit`, each with a sentence about what such a field tells.
    To see one takes the scope `plugin:<label>:read`, which ADMIN has, and roles that a workspace defines."""


class PluginState(Struct, frozen=True, kw_only=True):
    """What a workspace has decided about a plugin."""

    enabled: bool = True
    settings: dict[str, Any] = {}
    """What differs from the plugin's defaults, without secrets."""
    secrets: dict[str, str] = {}

    @override
    def __repr__(self) -> str:
        return f"PluginState(enabled={self.enabled}, settings={sorted(self.settings)}, secrets={sorted(self.secrets)})"


class Secret:
    """A setting that can be written and never read back, such as a password: give a field this type.

    Neither `str()` nor `repr()` shows it, so that no log does.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    @override
    def __repr__(self) -> str:
        return "Secret(…)"
