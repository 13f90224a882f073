"""The workspace: what it may set for itself."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.errors import BadInput
from cdp.graphql.admin import WorkspaceType
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.model import Workspace, WorkspaceId
from cdp.workspaces.change import change_settings


@strawberry.input(
    description="Settings to change. What is left out stays as it is; null takes the default again."
)
class WorkspaceSettingsUpdateInput:
    """Input of workspaceSettingsUpdate."""

    half_life_days: float | None = strawberry.field(
        default=UNSET,
        description="Half-life of intent and influence in days, 3 to 365. History is recounted in the background.",
    )
    warm_score: float | None = strawberry.field(
        default=UNSET, description="Intent level is WARM from this score."
    )
    hot_score: float | None = strawberry.field(
        default=UNSET, description="Intent level is HOT from this score."
    )
    window_days: int | None = strawberry.field(
        default=UNSET, description="Window of active days, adoption and phase where the reader gives none."
    )
    dormant_days: int | None = strawberry.field(
        default=UNSET, description="DORMANT after so many days without usage."
    )
    habitual_days: int | None = strawberry.field(
        default=UNSET, description="HABITUAL from so many active days in the window."
    )
    adopting_features: int | None = strawberry.field(
        default=UNSET, description="ADOPTING from so many different features in the window."
    )
    onboarding_steps: list[str] | None = strawberry.field(
        default=UNSET, description="Names of the steps of onboarding; empty: steps are counted as they come."
    )
    default_currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code for amounts that come without one."
    )
    default_country: str | None = strawberry.field(
        default=UNSET, description="ISO 3166 region for phone numbers written without a country code."
    )
    qualified_adoption: float | None = strawberry.field(
        default=UNSET, description="Product-qualified from this adoption rate, 0 to 1 …"
    )
    qualified_score_below: float | None = strawberry.field(
        default=UNSET, description="… while the intent score is still below this."
    )
    message_days: int | None = strawberry.field(
        default=UNSET,
        description="A message that comes again within so many days counts once, 31 to 400.",
    )
    retention_months: int | None = strawberry.field(
        default=UNSET,
        description="Events are dropped after so many whole months, 1 to 120, and what they added to the views stays; "
        "null: never. What is dropped cannot be classified anew.",
    )
    disabled_plugins: list[str] | None = strawberry.field(
        default=UNSET, description="Names of the plugins that contribute nothing to this workspace."
    )
    free_mail_domains: list[str] | None = strawberry.field(
        default=UNSET,
        description="Domains that never make an account, besides the known free-mail providers.",
    )
    visitor_proof_required: bool | None = strawberry.field(
        default=UNSET,
        description="Whether web pages must prove, by a visitor's token, whatever they call a visitor besides an "
        "anonymous id: names without proof are ignored, and what would be about nobody else is refused.",
    )

    def changes(self) -> dict[str, Any]:
        """What was given, by name of the setting; None: the default again."""
        return {name: value for name, value in vars(self).items() if value is not UNSET}


@strawberry.type(description="What workspaceSettingsUpdate did.")
class WorkspaceSettingsUpdatePayload:
    """Payload of workspaceSettingsUpdate."""

    workspace: WorkspaceType | None = strawberry.field(
        default=None, description="The workspace as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class WorkspaceMutations:
    """Mutations of the workspace."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Change settings. Where history counts otherwise under them, it is recounted in the background.",
        shown=(
            "onboarding_steps",
            "default_currency",
            "default_country",
            "disabled_plugins",
            "free_mail_domains",
        ),
    )
    async def workspace_settings_update(
        self, info: Info, given: Given[WorkspaceSettingsUpdateInput]
    ) -> WorkspaceSettingsUpdatePayload:
        """Change settings."""

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Workspace:
            try:
                return await change_settings(connection, workspace_id, given.changes(), now=now)
            except BadInput as error:
                raise BadInput(_in_graphql(error.message), field=error.field) from None

        return WorkspaceSettingsUpdatePayload(workspace=WorkspaceType.of(await change(info.context, work)))


def _in_graphql(message: str) -> str:
    """A sentence with the names of settings as GraphQL spells them."""
    return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda name: to_camel_case(name[0]), message)
