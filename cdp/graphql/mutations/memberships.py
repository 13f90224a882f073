"""Memberships: state that a person belongs, or belonged, to an account."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.access.scopes import Scope
from cdp.accounts.change import membership_set
from cdp.graphql.context import Info
from cdp.graphql.memberships import Membership
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import Writing, write
from cdp.graphql.objects import account_of, person_of
from cdp.graphql.payloads import membership_ref, planned_object
from cdp.model import AccountId, ProfileId


@strawberry.input(description="A person's membership of an account.")
class MembershipSetInput:
    """Input of membershipSet."""

    person: strawberry.ID = strawberry.field(description="The profile of the person.")
    account: strawberry.ID = strawberry.field(description="The account.")
    since: datetime | None = strawberry.field(
        default=None, description="When it began; null: it is not known."
    )
    until: datetime | None = strawberry.field(
        default=None, description="When it ended, or will; null: it goes on."
    )


@strawberry.type(description="What membershipSet did.")
class MembershipSetPayload:
    """Payload of membershipSet."""

    membership: Membership | None = planned_object(
        Membership, description="The membership as it is now; null where nothing was set."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was set; empty where it was."
    )


@strawberry.type
class MembershipMutations:
    """Mutations of memberships."""

    @mutation(
        Scope.PROFILES_WRITE,
        "State that a person belongs, or belonged, to an account. It outranks what events say, and may be changed by "
        "stating it again.",
    )
    async def membership_set(self, info: Info, given: Given[MembershipSetInput]) -> MembershipSetPayload:
        """A person's word on a membership."""

        async def work(writing: Writing) -> tuple[ProfileId, AccountId]:
            connection, workspace_id = writing.connection, writing.workspace_id
            person = await person_of(connection, workspace_id, given.person, "person")
            account = await account_of(connection, workspace_id, given.account, "account")
            touched = await membership_set(
                connection,
                writing.workspace,
                person,
                account,
                since=given.since,
                until=given.until,
                by=writing.by,
                now=writing.now,
                kinds=info.context.services.accumulator.kinds,
            )
            writing.touched.update(touched)
            return person, account

        return MembershipSetPayload(membership=membership_ref(*await write(info.context, work)))
