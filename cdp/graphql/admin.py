"""What administrators see of the workspace: its settings."""

from __future__ import annotations

import msgspec
import strawberry

from cdp.access.scopes import Scope
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.model import Workspace, WorkspaceSettings
from cdp.model.ids import encode_id


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
    visitor_proof_required: bool = strawberry.field(
        description="Whether web pages must prove, by a visitor's token, whatever they call a visitor besides an "
        "anonymous id."
    )

    @classmethod
    def of(cls, settings: WorkspaceSettings) -> WorkspaceSettingsType:
        """As GraphQL shows them."""
        return cls(**msgspec.structs.asdict(settings))


@strawberry.type(name="Workspace", description="The tenant; nothing is ever visible across two of them.")
class WorkspaceType:
    """The caller's workspace."""

    id: strawberry.ID = strawberry.field(
        description="Opaque id; it stands in the addresses of plugins that take no key, such as those of webhooks."
    )
    name: str = strawberry.field(description="Its name.")
    settings: WorkspaceSettingsType = strawberry.field(description="Its settings, defaults included.")

    @classmethod
    def of(cls, workspace: Workspace) -> WorkspaceType:
        """As GraphQL shows it."""
        return cls(
            id=strawberry.ID(encode_id("Workspace", workspace.workspace_id)),
            name=workspace.name,
            settings=WorkspaceSettingsType.of(workspace.settings),
        )


@strawberry.type
class AdminQuery:
    """Administrators' fields of Query."""

    @strawberry.field(
        description="The workspace of the key that asks.",
        metadata=needs(Scope.PROFILES_READ),
    )
    async def workspace(self, info: Info) -> WorkspaceType | None:
        """Anyone who may read profiles may see by which settings they are judged."""
        return WorkspaceType.of(await info.context.workspace())
