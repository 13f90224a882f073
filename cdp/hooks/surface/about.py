"""What a plugin says of itself, and what a workspace may set about it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from cdp.hooks.markers import hookspec
from cdp.model import PluginInfo


class AboutHooks(Protocol):
    """Hooks about the plugin itself."""

    @hookspec
    def register_plugin(self) -> PluginInfo:
        """Say what the plugin is for, and how it wants to be run.

        Called once, when the plugin is loaded, before its other hooks; may not be `async`. Rule: one answer. Return a
        `PluginInfo`: a sentence for administrators, and `run="process"` for one that computes for long, whose calls are
        then made in processes of their own. If it fails, the plugin is not loaded.
        Since 0.2.
        """

    @hookspec
    def register_settings(self) -> type[Struct]:
        """Declare what a workspace may set about the plugin.

        Called once, when the plugin is loaded; may not be `async`. Rule: one answer. Return a frozen msgspec Struct
        whose fields all have defaults that work. Every hook that is asked on behalf of a workspace may name a further
        argument `settings` and is given the workspace's. If it fails, the plugin is not loaded.
        Since 0.2.
        """
