"""Accounts: state what an organisation or a household is."""

from __future__ import annotations

import strawberry

from cdp.access.scopes import Scope
from cdp.accounts.change import AccountChanges, Changed, create, update
from cdp.errors import BadInput, NotFound
from cdp.graphql.accounts import Account
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import Writing, write
from cdp.graphql.objects import account_of, traits_of
from cdp.graphql.payloads import account_ref, planned_object
from cdp.graphql.scalars import JSON
from cdp.ingest import naming
from cdp.ingest.limits import GROUP_ID_LENGTH
from cdp.model import AccountId, AccountKind


@strawberry.input(
    description="An account to change, or to make: found by `id`, else by `groupId`, else by `domain`. What is left "
    "out stays as it is."
)
class AccountUpdateInput:
    """Input of accountUpdate."""

    id: strawberry.ID | None = strawberry.field(
        default=None, description="The account, where its id is known."
    )
    group_id: str | None = strawberry.field(
        default=None, description="The account's id in your system; made if there is none of it."
    )
    domain: str | None = strawberry.field(
        default=None,
        description="Domain of its e-mail addresses, such as `acme.com`: given with `id` or `groupId` it is set, alone "
        "it finds the account, or makes it.",
    )
    name: str | None = strawberry.field(default=None, description="Its name.")
    kind: AccountKind | None = strawberry.field(default=None, description="Organisation or household.")
    traits: JSON | None = strawberry.field(
        default=None,
        description="An object of traits; each overrides what was known under its name until now.",
    )
    seats_licensed: int | None = strawberry.field(
        default=None, description="Seats that it has paid for, to be held against the people active."
    )


@strawberry.type(description="What accountUpdate did.")
class AccountUpdatePayload:
    """Payload of accountUpdate."""

    account: Account | None = planned_object(
        Account, description="The account as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class AccountMutations:
    """Mutations of accounts."""

    @mutation(
        Scope.PROFILES_WRITE,
        "State something about an account; make it, where there is none of this `groupId` or `domain`.",
        shown=("domain",),
    )
    async def account_update(self, info: Info, given: Given[AccountUpdateInput]) -> AccountUpdatePayload:
        """A person's word on an account; what is stated last holds."""
        if given.id is None and given.group_id is None and given.domain is None:
            raise BadInput("Name the account by id, groupId or domain.", field=("id",))
        changes = AccountChanges(
            name=given.name,
            kind=given.kind,
            domain=given.domain,
            seats_licensed=given.seats_licensed,
            traits=traits_of(given.traits, "traits"),
        )

        async def work(writing: Writing) -> AccountId:
            changed = await _update_or_create(writing, given, changes)
            writing.touched.update(changed.touched)
            return changed.account_id

        return AccountUpdatePayload(account=account_ref(await write(info.context, work)))


async def _update_or_create(writing: Writing, given: AccountUpdateInput, changes: AccountChanges) -> Changed:
    known = None
    if given.id is not None:
        known = await account_of(writing.connection, writing.workspace_id, given.id, "id")
    group_id = None if given.group_id is None else _group_id(given.group_id)
    try:
        return await update(
            writing.connection,
            writing.workspace,
            account_id=known,
            group_id=group_id,
            domain=given.domain,
            changes=changes,
            by=writing.by,
            now=writing.now,
        )
    except NotFound:
        if known is not None:
            raise
        return await create(
            writing.connection,
            writing.workspace,
            group_id=group_id,
            changes=changes,
            by=writing.by,
            now=writing.now,
        )


def _group_id(given: str) -> str:
    """A group id as tracking calls may send it.

    Raises:
        BadInput: it is empty, too long, or holds U+0000.
    """
    found = naming.group_id(given)
    if found is None or "\0" in found:
        raise BadInput(f"A groupId has 1 to {GROUP_ID_LENGTH} characters.", field=("groupId",))
    return found
