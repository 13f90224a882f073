"""What the plugin is, and what a workspace may set."""

from __future__ import annotations

from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.model import IntentLevel, PluginInfo, Secret


class Settings(Struct, frozen=True, kw_only=True):
    """What a workspace may set."""

    call_from: IntentLevel = IntentLevel.HOT
    """Level of intent from which somebody is called rather than written to."""
    crm_secret: Secret | None = None
    """What the CRM signs its webhooks with, `whsec_` and so on; None: they are refused."""


@hookimpl
def register_plugin() -> PluginInfo:
    """For administrators."""
    return PluginInfo(
        summary="Says what to do next with people and accounts.", labels=frozenset({"crm", "sales"})
    )


@hookimpl
def register_settings() -> type[Settings]:
    """What a workspace may set."""
    return Settings
