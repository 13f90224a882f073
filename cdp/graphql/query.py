"""The fields of Query that the planner answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.scalars import ID

from cdp.access.scopes import Scopes
from cdp.errors import BadInput, Forbidden
from cdp.graphql.accounts import ACCOUNTS, Account, AccountOrder
from cdp.graphql.background import DELIVERIES, JOBS
from cdp.graphql.events import EVENTS
from cdp.graphql.filters import AccountFilter
from cdp.graphql.identifiers import IdentifierInput
from cdp.graphql.memberships import MEMBERSHIPS
from cdp.graphql.nodes import Node
from cdp.graphql.paging import Connection, both_ways
from cdp.graphql.profiles import PROFILES, WHICH_PEOPLE, Profile, account_number
from cdp.identity.kinds import EMAIL, PHONE
from cdp.model.ids import decode_id_of
from cdp.plan.entities import Entity
from cdp.plan.fields import AnyNode, Connected, Found, Given, argument, planned
from cdp.plan.labels import PII, lacking
from cdp.plan.labels import PROFILES as MAY_READ
from cdp.plan.moment import Moment
from cdp.plan.statement import Convert, Scope, as_text
from cdp.plan.values import Leaf

ENTITIES: Mapping[str, Entity] = {
    entity.type_name: entity for entity in (PROFILES, ACCOUNTS, MEMBERSHIPS, EVENTS, JOBS, DELIVERIES)
}
"""What has a global id, by type."""


_DIRECT = frozenset({EMAIL, PHONE})
"""Kinds whose values name a person to anybody, and can be guessed: to look one up is to read it."""


def _profile(scope: Scope, given: Given, scopes: Scopes) -> str:
    wanted: Leaf | None = given.get("id")
    identifier: Mapping[str, Leaf] | None = given.get("identifier")
    if wanted is not None and identifier is None:
        return scope.inner({"key_0": scope.bind(wanted, "int8", _profile_number)}).sql(PROFILES.by_id)
    if identifier is None or wanted is not None:
        raise BadInput("Give exactly one of `id` and `identifier`.")
    kind, value = identifier["kind"], identifier["value"]
    return (
        "p.profile_id = (SELECT n.profile_id FROM node n WHERE n.workspace_id = $1"
        f" AND n.kind = {scope.bind(kind, 'text', as_text)}"
        f" AND n.value = {scope.bind(_both(kind, value), 'text', _stored(scopes))})"
    )


def _profile_number(value: Any, _moment: Moment) -> int:
    return decode_id_of("Profile", str(value))


def _both(kind: Leaf, value: Leaf) -> Leaf:
    return Leaf(lambda variables: (kind.read(variables), value.read(variables)), (kind.sample, value.sample))


def _stored(scopes: Scopes) -> Convert:
    missing = lacking(PII, scopes)

    def convert(value: Any, moment: Moment) -> str | None:
        kind, text = (as_text(one, moment) for one in value)
        # Some systems know people by their addresses.
        if missing is not None and (kind in _DIRECT or "@" in text):
            raise Forbidden(f"To find somebody by the kind `{kind}` needs the scope {missing.value}.")
        found = moment.normalise(kind, text)
        return found.value if found is not None else None

    return convert


def _account(scope: Scope, given: Given, _scopes: Scopes) -> str:
    wanted: Leaf | None = given.get("id")
    domain: Leaf | None = given.get("domain")
    if wanted is not None and domain is None:
        return scope.inner({"key_0": scope.bind(wanted, "int8", account_number)}).sql(ACCOUNTS.by_id)
    if domain is None or wanted is not None:
        raise BadInput("Give exactly one of `id` and `domain`.")
    return f"a.domain = {scope.bind(domain, 'text', _domain)}"


def _domain(value: Any, moment: Moment) -> str:
    return as_text(value, moment).strip().rstrip(".").lower()


@strawberry.type(description="What can be asked.")
class ReadQuery:
    """People and accounts."""

    node: Node | None = planned(
        AnyNode(entities=lambda: ENTITIES, labels=MAY_READ),
        arguments=[argument("id", ID, "Id of any object.")],
        description="The object of an id, whatever its type; null: there is none in this workspace.",
    )
    profile: Profile | None = planned(
        Found(entity=lambda: PROFILES, where=_profile, labels=MAY_READ),
        arguments=[
            argument("id", ID | None, "Id of the profile, or of one that was merged into it.", None),
            argument("identifier", IdentifierInput | None, "Any identifier of the person.", None),
        ],
        description="One person, by exactly one of the arguments; null: there is none in this workspace.",
    )
    profiles: Connection[Profile] = planned(
        Connected(entity=lambda: PROFILES, labels=MAY_READ),
        arguments=[
            *WHICH_PEOPLE,
            *both_ways(),
        ],
        description="People.",
    )
    account: Account | None = planned(
        Found(entity=lambda: ACCOUNTS, where=_account, labels=MAY_READ),
        arguments=[
            argument("id", ID | None, "Id of the account, or of one that went into it.", None),
            argument("domain", str | None, "Its registrable domain.", None),
        ],
        description="One account, by exactly one of the arguments; null: there is none in this workspace.",
    )
    accounts: Connection[Account] = planned(
        Connected(entity=lambda: ACCOUNTS, labels=MAY_READ),
        arguments=[
            argument("where", AccountFilter | None, "What must hold of them.", None),
            argument(
                "orderBy", list[AccountOrder] | None, "Sort keys, the first one leading; by id at last.", None
            ),
            argument("search", str | None, "Words that name, domain and group id must have in them.", None),
            *both_ways(),
        ],
        description="Accounts.",
    )
