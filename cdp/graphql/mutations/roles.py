"""Roles: state what a person is within a membership; a person's word outranks what was inferred."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.graphql.context import Info
from cdp.graphql.memberships import Membership
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import Writing, change, write
from cdp.graphql.objects import account_of, person_of
from cdp.graphql.payloads import membership_ref, planned_object
from cdp.graphql.resolution import RoleBackfill
from cdp.model import AccountId, ProfileId, WorkspaceId
from cdp.roles import Assertion, assert_role, backfill, retract_role
from cdp.roles.backfill import Backfill


@strawberry.input(description="A role that a person holds within a membership.")
class RoleAssertInput:
    """Input of roleAssert."""

    person: strawberry.ID = strawberry.field(description="The profile of the person.")
    account: strawberry.ID | None = strawberry.field(
        default=None, description="The account; null: the person's membership with themselves."
    )
    role: str = strawberry.field(
        description="The role, such as `ECONOMIC_BUYER`, or one that a plugin registered."
    )
    until: datetime | None = strawberry.field(
        default=None, description="When it ends; a time that has passed ends it now. Null: it goes on."
    )
    note: str | None = strawberry.field(default=None, description="Why, in a sentence; kept as evidence.")
    holds: bool = strawberry.field(
        default=True,
        description="False: that the person does not hold the role, whatever plugins claim. Saying the contrary of "
        "what was said before ends that.",
    )


@strawberry.type(description="What roleAssert did.")
class RoleAssertPayload:
    """Payload of roleAssert."""

    membership: Membership | None = planned_object(
        Membership,
        description="The membership with its roles as they are now; null where nothing was stated.",
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was stated; empty where it was."
    )


@strawberry.input(description="A role that was asserted by roleAssert and ends now.")
class RoleRetractInput:
    """Input of roleRetract."""

    person: strawberry.ID = strawberry.field(description="The profile of the person.")
    account: strawberry.ID | None = strawberry.field(
        default=None, description="The account; null: the person's membership with themselves."
    )
    role: str = strawberry.field(description="The role that ends. What plugins infer on their own goes on.")


@strawberry.type(description="What roleRetract did.")
class RoleRetractPayload:
    """Payload of roleRetract."""

    membership: Membership | None = planned_object(
        Membership, description="The membership with its roles as they are now; null where nothing was ended."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was ended; empty where it was."
    )


@strawberry.input(description="Everybody's roles are to be resolved anew.")
class RolesResolveInput:
    """Input of rolesResolve."""

    reason: str | None = strawberry.field(
        default=None, description="Why, in a few words; shown with the progress."
    )


@strawberry.type(description="What rolesResolve started.")
class RolesResolvePayload:
    """Payload of rolesResolve."""

    backfill: RoleBackfill | None = strawberry.field(
        default=None, description="Its progress; `roleResolution` shows how it goes on."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was started; empty where it was."
    )


@strawberry.type
class RoleMutations:
    """Mutations of roles."""

    @mutation(
        Scope.PROFILES_WRITE,
        "State that a person holds a role within a membership, or does not. It is evidence, and outranks what was "
        "inferred.",
        shown=("role",),
    )
    async def role_assert(self, info: Info, given: Given[RoleAssertInput]) -> RoleAssertPayload:
        """A person's word on a role; saying it again with another end changes the end."""
        services = info.context.services

        async def work(writing: Writing) -> _Place:
            place = await _place(writing, given.person, given.account)
            assertion = Assertion(
                profile_id=place.person,
                account_id=place.account,
                role=given.role,
                asserted_by=writing.by,
                until=given.until,
                note=given.note,
                holds=given.holds,
            )
            await assert_role(
                writing.connection,
                writing.workspace_id,
                assertion,
                known=services.plugins.roles().keys(),
                kinds=services.accumulator.kinds,
                now=writing.now,
            )
            return place

        place = await write(info.context, work)
        return RoleAssertPayload(membership=membership_ref(place.person, place.account))

    @mutation(
        Scope.PROFILES_WRITE,
        "End what roleAssert stated of a role. What plugins infer on their own goes on.",
        shown=("role",),
    )
    async def role_retract(self, info: Info, given: Given[RoleRetractInput]) -> RoleRetractPayload:
        """Take a word back."""

        async def work(writing: Writing) -> _Place:
            place = await _place(writing, given.person, given.account)
            await retract_role(
                writing.connection,
                writing.workspace_id,
                place.person,
                place.account,
                given.role,
                now=writing.now,
            )
            return place

        place = await write(info.context, work)
        return RoleRetractPayload(membership=membership_ref(place.person, place.account))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Have everybody's roles and scores resolved anew, in the background. A change of plugins or of their settings "
        "does so by itself.",
    )
    async def roles_resolve(self, info: Info, given: Given[RolesResolveInput]) -> RolesResolvePayload:
        """Start a backfill."""
        why = given.reason or f"asked for by {info.context.caller.name}"

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Backfill:
            await backfill.start(connection, workspace_id, reason=why, now=now)
            return (await backfill.recent(connection, workspace_id))[0]

        return RolesResolvePayload(backfill=RoleBackfill.of(await change(info.context, work)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A membership."""

    person: ProfileId
    account: AccountId


async def _place(writing: Writing, person: str, account: str | None) -> _Place:
    connection, workspace_id = writing.connection, writing.workspace_id
    place = _Place(
        person=await person_of(connection, workspace_id, person, "person"),
        account=await account_of(connection, workspace_id, account, "account"),
    )
    writing.touched.add(place.person)
    return place
