"""What can be followed: the fields of Subscription, which the planner answers like those of Query."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scopes
from cdp.graphql.accounts import ACCOUNTS, Account
from cdp.graphql.paging import Connection
from cdp.graphql.profiles import PROFILES, WHICH_PEOPLE, Profile, account_number
from cdp.model.ids import decode_id_of
from cdp.plan.entities import Entity
from cdp.plan.fields import Connected, Found, Given, argument, planned
from cdp.plan.labels import PROFILES as MAY_READ
from cdp.plan.pages import DEFAULT_SIZE, LARGEST_SIZE
from cdp.plan.statement import Convert, Scope
from cdp.plan.values import Leaf

_AT_ONCE = "The present state comes at once, then it again whenever what is selected has changed"


def _by_id(entity: Entity, convert: Convert) -> Found:
    def where(scope: Scope, given: Given, _scopes: Scopes) -> str:
        wanted: Leaf = given["id"]
        return scope.inner({"key_0": scope.bind(wanted, "int8", convert)}).sql(entity.by_id)

    return Found(entity=lambda: entity, where=where, labels=MAY_READ)


def profile_number(value: object, _moment: object) -> int:
    """The number in a profile's id.

    Raises:
        BadInput: not the id of a profile.
    """
    return decode_id_of("Profile", str(value))


@strawberry.type(
    description="What can be followed: each field answers with the present state, and then with each new one."
)
class Subscription:
    """Live reads of people and accounts."""

    profile_changed: Profile | None = planned(
        _by_id(PROFILES, profile_number),
        arguments=[argument("id", ID, "Id of the profile, or of one that was merged into it.")],
        description=f"One person. {_AT_ONCE}; after a merge it is the surviving profile's. Null: there is none.",
    )
    account_changed: Account | None = planned(
        _by_id(ACCOUNTS, account_number),
        arguments=[argument("id", ID, "Id of the account, or of one that went into it.")],
        description=f"One account, with its people. {_AT_ONCE}. Null: there is none.",
    )
    profiles_changed: Connection[Profile] = planned(
        Connected(entity=lambda: PROFILES, labels=MAY_READ),
        arguments=[
            *WHICH_PEOPLE,
            argument(
                "first",
                int | None,
                f"How many items, at most {LARGEST_SIZE}; {DEFAULT_SIZE} where not given.",
                None,
            ),
        ],
        description=f"The beginning of a list of people. {_AT_ONCE}.",
    )
