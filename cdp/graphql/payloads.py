"""Objects in the answers of mutations: read by the planner, after the commit, like any other selection.

A payload declares such a field with `planned_object`, and the resolver fills it with a reference; the object is read,
as selected, when the payload is answered: one statement a field, after whatever the resolver committed.

    @strawberry.type(description="…")
    class ProfileMergePayload:
        profile: Profile | None = planned_object(Profile, description="The profile that both now are.")
        user_errors: list[UserError] = …

    return ProfileMergePayload(profile=profile_ref(profile_id))

A field that is left out, or filled with None, is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo
from msgspec import Struct

from cdp.access.scopes import Scope
from cdp.graphql.labelled import needs
from cdp.model import NO_ACCOUNT, AccountId, ProfileId

REFERENCES = "references"
"""Key, in a field's metadata, of the name of the type that it refers to."""


class Reference(Struct, frozen=True):
    """An object to be read when it is answered."""

    type_name: str
    numbers: tuple[int, ...]


def profile_ref(profile_id: ProfileId | int) -> Any:
    """A profile; of a merged one, the survivor."""
    return Reference("Profile", (profile_id,))


def account_ref(account_id: AccountId | int) -> Any:
    """An account; of a merged one, the survivor."""
    return Reference("Account", (account_id,))


def membership_ref(profile_id: ProfileId | int, account_id: AccountId | int = NO_ACCOUNT) -> Any:
    """A membership of a person in an account, or with themselves."""
    return Reference("Membership", (profile_id, account_id))


def planned_object(type_: type, *, description: str) -> Any:
    """A nullable field of a payload that holds a reference and is answered with the object."""
    return strawberry.field(
        default=None,
        description=description,
        metadata={REFERENCES: type_.__name__, **needs(Scope.PROFILES_READ)},
    )


async def answer_reference(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """What the resolver of every field that `planned_object` declares does."""
    field = info.parent_type.fields[info.field_name].extensions["strawberry-definition"]
    reference = getattr(source, field.python_name)
    if reference is None:
        return None
    return await info.context.reading.object(reference, info)


def refers(extensions: Mapping[str, Any]) -> bool:
    """Whether a field of the schema, by its extensions, was declared with `planned_object`."""
    metadata = getattr(extensions.get("strawberry-definition"), "metadata", None) or {}
    return REFERENCES in metadata
