"""Plugins: which of them a workspace uses, and with which settings."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.errors import BadInput, NotFound
from cdp.graphql.context import Context, Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.graphql.plugins import PluginType
from cdp.model import Workspace, WorkspaceId
from cdp.workspaces.plugins import configure, enable


@strawberry.input(description="A plugin to be used in this workspace.")
class PluginEnableInput:
    """Input of pluginEnable."""

    plugin: str = strawberry.field(description="Its name.")


@strawberry.type(description="What pluginEnable did.")
class PluginEnablePayload:
    """Payload of pluginEnable."""

    plugin: PluginType | None = strawberry.field(
        default=None, description="The plugin as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="A plugin that is not to be used in this workspace.")
class PluginDisableInput:
    """Input of pluginDisable."""

    plugin: str = strawberry.field(description="Its name.")


@strawberry.type(description="What pluginDisable did.")
class PluginDisablePayload:
    """Payload of pluginDisable."""

    plugin: PluginType | None = strawberry.field(
        default=None, description="The plugin as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="Settings of a plugin for this workspace.")
class PluginConfigureInput:
    """Input of pluginConfigure."""

    plugin: str = strawberry.field(description="Its name.")
    settings: JSON = strawberry.field(
        description="An object of the settings to change, by name, as `settingsSchema` of the plugin says. What is "
        "left out stays as it is; null takes the default again, and unsets a secret."
    )


@strawberry.type(description="What pluginConfigure did.")
class PluginConfigurePayload:
    """Payload of pluginConfigure."""

    plugin: PluginType | None = strawberry.field(
        default=None, description="The plugin as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class PluginMutations:
    """Mutations of plugins."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Have a plugin called on behalf of this workspace, with the settings that it had; every process does so "
        "within a second.",
        shown=("plugin",),
    )
    async def plugin_enable(self, info: Info, given: Given[PluginEnableInput]) -> PluginEnablePayload:
        """Turn a plugin on."""
        return PluginEnablePayload(plugin=await _enabled(info.context, given.plugin, to=True))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Have a plugin not called any more on behalf of this workspace; every process leaves it within a second. "
        "What it contributed ends at the next settling of each person; its settings are kept.",
        shown=("plugin",),
    )
    async def plugin_disable(self, info: Info, given: Given[PluginDisableInput]) -> PluginDisablePayload:
        """Turn a plugin off."""
        return PluginDisablePayload(plugin=await _enabled(info.context, given.plugin, to=False))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Change settings of a plugin for this workspace; every process goes by them within a second.",
        shown=("plugin",),
    )
    async def plugin_configure(
        self, info: Info, given: Given[PluginConfigureInput]
    ) -> PluginConfigurePayload:
        """Change the settings of a plugin."""
        context = info.context
        _known(context, given.plugin)
        if not isinstance(given.settings, dict):
            raise BadInput("The settings are an object, such as {limit: 10}.", field=("settings",))
        changes = dict(given.settings)
        declared = context.services.plugins.settings

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Workspace:
            return await configure(
                connection, workspace_id, given.plugin, changes, declared, by=context.caller.name, now=now
            )

        return PluginConfigurePayload(plugin=_shown(context, given.plugin, await change(context, work)))


async def _enabled(context: Context, plugin: str, *, to: bool) -> PluginType:
    _known(context, plugin)

    async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Workspace:
        return await enable(connection, workspace_id, plugin, to=to, by=context.caller.name, now=now)

    return _shown(context, plugin, await change(context, work))


def _known(context: Context, plugin: str) -> None:
    if all(one.name != plugin for one in context.services.plugins.health()):
        raise NotFound(f"There is no plugin {plugin!r}.", field=("plugin",))


def _shown(context: Context, plugin: str, workspace: Workspace) -> PluginType:
    plugins = context.services.plugins
    (one,) = (one for one in plugins.health() if one.name == plugin)
    return PluginType.of(one, plugins, workspace)
