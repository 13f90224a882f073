"""The plugins as administrators see them: what they are, how they do, and what the workspace has set."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from strawberry.scalars import JSON

from cdp.access.scopes import Scope
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.hooks.health import CircuitState, FailureKind, HookHealth, PluginHealth
from cdp.hooks.manager import Plugins
from cdp.model import Workspace


@strawberry.type(name="HookHealth", description="One plugin in one hook since the process started.")
class HookHealthType:
    """Figures of one hook of one plugin."""

    hook: str = strawberry.field(description="Name of the hook.")
    calls: int = strawberry.field(description="Calls that were made.")
    failures: int = strawberry.field(description="Calls that raised.")
    timeouts: int = strawberry.field(description="Calls that did not end in time.")
    refused: int = strawberry.field(description="Calls whose answer the hook does not allow.")
    skipped: int = strawberry.field(description="Calls that were not made, because the plugin kept failing.")
    last_failure: FailureKind | None = strawberry.field(
        description="How the last call failed that did. What the plugin said stands in the server's log: it may quote "
        "people of other workspaces."
    )
    last_failure_at: datetime | None = strawberry.field(description="When that was.")
    circuit: CircuitState = strawberry.field(description="Whether the plugin is called at present.")
    seconds: float = strawberry.field(description="Time that its calls took, all together, in seconds.")
    slowest_seconds: float = strawberry.field(description="Time that the slowest call took, in seconds.")

    @classmethod
    def of(cls, hook: HookHealth) -> HookHealthType:
        """As GraphQL shows it."""
        return cls(
            hook=hook.hook,
            calls=hook.calls,
            failures=hook.failures,
            timeouts=hook.timeouts,
            refused=hook.refused,
            skipped=hook.skipped,
            last_failure=hook.last_kind,
            last_failure_at=hook.last_error_at,
            circuit=hook.circuit,
            seconds=hook.seconds,
            slowest_seconds=hook.slowest_seconds,
        )


@strawberry.enum(description="Where the calls of a plugin are made.")
class PluginRun(Enum):
    """Kinds of places."""

    THREAD = strawberry.enum_value("thread", description="In threads of the server.")
    PROCESS = strawberry.enum_value(
        "process", description="In processes of its own, for a plugin that computes for long."
    )


@strawberry.type(name="Plugin", description="One plugin, loaded or not, as this process sees it.")
class PluginType:
    """A plugin, its health, and the workspace's settings of it."""

    name: str = strawberry.field(description="Its name.")
    version: str = strawberry.field(description="Its version.")
    source: str = strawberry.field(description="Where it came from: the distribution, or the file.")
    summary: str = strawberry.field(description="What it does, in its own words.")
    labels: list[str] = strawberry.field(description="Words by which it is found, such as `crm`.")
    run: PluginRun = strawberry.field(description="Where its calls are made.")
    loaded: bool = strawberry.field(description="Whether it is loaded.")
    error: str | None = strawberry.field(description="Why it is not loaded.")
    enabled: bool = strawberry.field(description="Whether it is called on behalf of this workspace.")
    settings_schema: JSON | None = strawberry.field(
        description="JSON Schema of what the workspace may set; null where there is nothing. What is `writeOnly` is "
        "a secret."
    )
    settings: JSON | None = strawberry.field(
        description="What the workspace has set, with the defaults for all else. A secret is `{set: true}` or "
        "`{set: false}`, and never shown."
    )
    blocked_seconds: float = strawberry.field(
        description="For how long it kept an event loop from running since the process started, in seconds."
    )
    memory_megabytes: int = strawberry.field(
        description="The most by which the process grew during its calls, in megabytes, as far as that was seen."
    )
    hooks: list[HookHealthType] = strawberry.field(description="The hooks that it implements.")

    @classmethod
    def of(cls, plugin: PluginHealth, plugins: Plugins, workspace: Workspace) -> PluginType:
        """As GraphQL shows it."""
        schema: Any = plugins.settings.schema(plugin.name)
        settings: Any = None if schema is None else plugins.settings.shown(plugin.name, workspace)
        return cls(
            name=plugin.name,
            version=plugin.version,
            source=plugin.source,
            summary=plugin.info.summary,
            labels=sorted(plugin.info.labels),
            run=PluginRun(plugin.info.run),
            loaded=plugin.loaded,
            error=plugin.error,
            enabled=plugin.loaded
            and plugin.name not in workspace.disabled_plugins
            and (not plugin.info.opt_in or plugin.name in workspace.plugins),
            settings_schema=schema,
            settings=settings,
            blocked_seconds=plugin.blocked_seconds,
            memory_megabytes=plugin.memory_bytes // 2**20,
            hooks=[HookHealthType.of(hook) for hook in plugin.hooks],
        )


@strawberry.type
class PluginsQuery:
    """The field of Query that shows plugins."""

    @strawberry.field(
        description="The plugins of this process and how they do; for administrators.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def plugins(self, info: Info) -> list[PluginType] | None:
        """Health of every plugin, those that could not be loaded too."""
        workspace = await info.context.workspace()
        plugins = info.context.services.plugins
        return [PluginType.of(plugin, plugins, workspace) for plugin in plugins.health()]
