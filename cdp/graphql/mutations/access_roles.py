"""Roles of a workspace's own: defined, removed."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp import audit
from cdp.access.roles import AccessRole, define_role, remove_role
from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.graphql.context import Info
from cdp.graphql.keys import AccessRoleType
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.model import WorkspaceId


@strawberry.input(description="A role of the workspace's own, to be made or changed.")
class AccessRoleDefineInput:
    """Input of accessRoleDefine."""

    name: str = strawberry.field(
        description="2 to 40 capital letters, digits and `_`, a letter first, that are no preset's: `SALES_EMEA`."
    )
    scopes: list[str] = strawberry.field(
        description="What it grants, all of it: `profiles:read`, `intent:read`, …; `plugin:LABEL:read` for a label of "
        "a plugin."
    )
    description: str = strawberry.field(default="", description="What it is for.")


@strawberry.type(description="What accessRoleDefine did.")
class AccessRoleDefinePayload:
    """Payload of accessRoleDefine."""

    role: AccessRoleType | None = strawberry.field(
        default=None, description="The role as it is now; null where nothing was defined."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was defined; empty where it was."
    )


@strawberry.input(description="A role of the workspace's own that is not wanted any more.")
class AccessRoleRemoveInput:
    """Input of accessRoleRemove."""

    name: str = strawberry.field(description="Its name.")


@strawberry.type(description="What accessRoleRemove did.")
class AccessRoleRemovePayload:
    """Payload of accessRoleRemove."""

    name: str | None = strawberry.field(
        default=None, description="Name of the role that is gone; null where none is."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.type
class AccessRoleMutations:
    """Mutations of roles of keys."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Make a role, or change what it grants: to every key and token that has it, within a second. "
        "Nobody hands out what they have not got.",
    )
    async def access_role_define(
        self, info: Info, given: Given[AccessRoleDefineInput]
    ) -> AccessRoleDefinePayload:
        """Define a role."""
        caller = info.context.caller

        async def work(connection: Connection, _workspace_id: WorkspaceId, now: datetime) -> AccessRole:
            role = await define_role(
                connection,
                caller,
                name=given.name,
                scopes=given.scopes,
                description=given.description,
                now=now,
            )
            await audit.record(
                connection, caller, "accessRoleDefine", role.name, {"scopes": [*sorted(role.scopes)]}
            )
            return role

        return AccessRoleDefinePayload(role=AccessRoleType.of(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Take a role away that no key has. Tokens that it was granted to by an issuer's rules lose it.",
    )
    async def access_role_remove(
        self, info: Info, given: Given[AccessRoleRemoveInput]
    ) -> AccessRoleRemovePayload:
        """Remove a role."""

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> None:
            await remove_role(connection, workspace_id, given.name)
            await audit.record(connection, info.context.caller, "accessRoleRemove", given.name, {})

        await change(info.context, work)
        return AccessRoleRemovePayload(name=given.name)
