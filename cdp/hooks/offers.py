"""What a hook's implementation may name beside the hook's own arguments.

Such an argument is given by its name, made for the plugin and the workspace that it is called for. `settings` are the
plugin's own, typed; the others are registered by the rooms that make them:

    plugins.offers.register("http", lambda plugin, workspace_id: …)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from cdp.errors import Misconfigured
from cdp.model import Workspace, WorkspaceId

OFFERED = frozenset({"settings", "http", "tables", "jobs"})
"""All names; what a process has registered nothing for cannot be asked for there."""

Factory: TypeAlias = Callable[[str, WorkspaceId], object]
"""Makes what is offered: (name of the plugin, workspace). Called on the application's loop before every batch of calls,
so it must be quick; what it makes is used in the plugin's thread or on the plugin's own event loop."""


class NotOffered(Exception):
    """A plugin wants what this process cannot give; the message says what."""


class Offers:
    """What is offered in one process, by name."""

    def __init__(self, settings: Callable[[str, Workspace | None], object]) -> None:
        self._settings = settings
        self._factories: dict[str, Factory] = {}

    def register(self, name: str, factory: Factory) -> None:
        """Offer something.

        Raises:
            Misconfigured: the name is none of `OFFERED`, or has a factory already.
        """
        if name not in OFFERED or name in self._factories or name == "settings":
            raise Misconfigured(
                f"{name!r} cannot be offered to plugins: it is unknown, or is offered already."
            )
        self._factories[name] = factory

    def make(self, names: Iterable[str], plugin: str, workspace: Workspace | None) -> dict[str, object]:
        """What a plugin wants, for a workspace.

        Raises:
            NotOffered: there is nobody to make it.
        """
        return {name: self._one(name, plugin, workspace) for name in names}

    def _one(self, name: str, plugin: str, workspace: Workspace | None) -> object:
        if name == "settings":
            return self._settings(plugin, workspace)
        factory = self._factories.get(name)
        if factory is None or workspace is None:
            raise NotOffered(f"it wants {name!r}, which is not offered here")
        return factory(plugin, workspace.workspace_id)
