"""What administrators see: the workspace and its settings, refused events, the health of the plugins."""

from __future__ import annotations

from datetime import datetime

import msgspec
import strawberry

from cdp.access.scopes import Scope
from cdp.graphql.context import Info
from cdp.hooks.health import CircuitState, FailureKind, HookHealth, PluginHealth
from cdp.model import Workspace, WorkspaceSettings


@strawberry.type(name="WorkspaceSettings", description="What a workspace may set, with defaults that work.")
class WorkspaceSettingsType:
    """Settings, the defaults included."""

    half_life_days: float = strawberry.field(description="Half-life of intent and influence in days.")
    warm_score: float = strawberry.field(description="Intent level is WARM from this score.")
    hot_score: float = strawberry.field(description="Intent level is HOT from this score.")
    window_days: int = strawberry.field(
        description="Window of active days, adoption and phase where the reader gives none."
    )
    dormant_days: int = strawberry.field(description="DORMANT after so many days without usage.")
    habitual_days: int = strawberry.field(description="HABITUAL from so many active days in the window.")
    adopting_features: int = strawberry.field(
        description="ADOPTING from so many different features in the window."
    )
    onboarding_steps: list[str] = strawberry.field(
        description="Names of the steps of onboarding; empty: steps are counted as they come."
    )
    default_currency: str = strawberry.field(description="ISO 4217 code for amounts that come without one.")
    default_country: str = strawberry.field(
        description="ISO 3166 region for phone numbers written without a country code."
    )
    qualified_adoption: float = strawberry.field(description="Product-qualified from this adoption rate …")
    qualified_score_below: float = strawberry.field(
        description="… while the intent score is still below this."
    )
    message_days: int = strawberry.field(
        description="A message that comes again within so many days counts once."
    )
    retention_months: int | None = strawberry.field(
        description="Events are dropped after so many whole months; null: never."
    )
    disabled_plugins: list[str] = strawberry.field(
        description="Names of the plugins that contribute nothing to this workspace."
    )
    free_mail_domains: list[str] = strawberry.field(
        description="Domains that never make an account, besides the known free-mail providers."
    )

    @classmethod
    def of(cls, settings: WorkspaceSettings) -> WorkspaceSettingsType:
        """As GraphQL shows them."""
        return cls(**msgspec.structs.asdict(settings))


@strawberry.type(name="Workspace", description="The tenant; nothing is ever visible across two of them.")
class WorkspaceType:
    """The caller's workspace."""

    name: str = strawberry.field(description="Its name.")
    settings: WorkspaceSettingsType = strawberry.field(description="Its settings, defaults included.")

    @classmethod
    def of(cls, workspace: Workspace) -> WorkspaceType:
        """As GraphQL shows it."""
        return cls(name=workspace.name, settings=WorkspaceSettingsType.of(workspace.settings))


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
        )


@strawberry.type(name="Plugin", description="One plugin, loaded or not, as this process sees it.")
class PluginType:
    """A plugin and its health."""

    name: str = strawberry.field(description="Its name.")
    version: str = strawberry.field(description="Its version.")
    source: str = strawberry.field(description="Where it came from: the distribution, or the file.")
    loaded: bool = strawberry.field(description="Whether it is loaded.")
    error: str | None = strawberry.field(description="Why it is not loaded.")
    hooks: list[HookHealthType] = strawberry.field(description="The hooks that it implements.")

    @classmethod
    def of(cls, plugin: PluginHealth) -> PluginType:
        """As GraphQL shows it."""
        return cls(
            name=plugin.name,
            version=plugin.version,
            source=plugin.source,
            loaded=plugin.loaded,
            error=plugin.error,
            hooks=[HookHealthType.of(hook) for hook in plugin.hooks],
        )


@strawberry.type
class AdminQuery:
    """Administrators' fields of Query."""

    @strawberry.field(description="The workspace of the key that asks.")
    async def workspace(self, info: Info) -> WorkspaceType | None:
        """Anyone who may read profiles may see by which settings they are judged."""
        info.context.require(Scope.PROFILES_READ)
        return WorkspaceType.of(await info.context.workspace())

    @strawberry.field(description="The plugins of this process and how they do; for administrators.")
    def plugins(self, info: Info) -> list[PluginType] | None:
        """Health of every plugin, those that could not be loaded too."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        return [PluginType.of(plugin) for plugin in info.context.services.plugins.health()]
