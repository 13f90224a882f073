"""Roles: state what a person is within a membership; a person's word outranks what was inferred."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.graphql.context import Context, Info
from cdp.graphql.memberships import Membership
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import Writing, write
from cdp.graphql.objects import account_of, person_of
from cdp.graphql.payloads import membership_ref, planned_object
from cdp.model import AccountId, ProfileId
from cdp.roles import Assertion, assert_role


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


@strawberry.type
class RoleMutations:
    """Mutations of roles."""

    @mutation(
        Scope.PROFILES_WRITE,
        "State that a person holds a role within a membership. It is evidence, and outranks what was inferred.",
    )
    async def role_assert(self, info: Info, given: Given[RoleAssertInput]) -> RoleAssertPayload:
        """A person's word on a role; saying it again with another end changes the end."""
        person, account = await _assert(info.context, given, until=given.until, note=given.note)
        return RoleAssertPayload(membership=membership_ref(person, account))

    @mutation(
        Scope.PROFILES_WRITE,
        "End a role that roleAssert stated. What plugins infer on their own goes on.",
    )
    async def role_retract(self, info: Info, given: Given[RoleRetractInput]) -> RoleRetractPayload:
        """Take a word back."""
        person, account = await _assert(info.context, given, until=info.context.services.clock(), note=None)
        return RoleRetractPayload(membership=membership_ref(person, account))


async def _assert(
    context: Context, given: RoleAssertInput | RoleRetractInput, *, until: datetime | None, note: str | None
) -> tuple[ProfileId, AccountId]:
    async def work(writing: Writing) -> tuple[ProfileId, AccountId]:
        connection, workspace_id = writing.connection, writing.workspace_id
        person = await person_of(connection, workspace_id, given.person, "person")
        account = await account_of(connection, workspace_id, given.account, "account")
        assertion = Assertion(
            profile_id=person,
            account_id=account,
            role=given.role,
            asserted_by=writing.by,
            until=until,
            note=note,
        )
        services = context.services
        await assert_role(
            connection,
            workspace_id,
            assertion,
            known=services.plugins.roles().keys(),
            kinds=services.accumulator.kinds,
            now=writing.now,
        )
        writing.touched.add(person)
        return person, account

    return await write(context, work)
