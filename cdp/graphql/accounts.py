"""Accounts: what people buy or use on behalf of."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql import words
from cdp.graphql.alignment import ALIGNMENT, AlignmentFigures
from cdp.graphql.declared import described, sql_of
from cdp.graphql.enrichment import ACCOUNT_SOURCE, EnrichedAccountTrait
from cdp.graphql.facts import CURRENT, MEMBERS, OF_ACCOUNT, QUALIFIED, ROLES, WORKSPACE_WINDOW, shown
from cdp.graphql.filters import MembershipFilter
from cdp.graphql.intent import AccountBuyerIntent
from cdp.graphql.memberships import MEMBERSHIP_ORDER, MEMBERSHIPS, Membership
from cdp.graphql.nodes import Node, global_id
from cdp.graphql.orders import (
    INTENT_SORTS,
    USAGE_SORTS,
    Sort,
    keys_of,
    of_field,
    placed,
    sort,
    sort_fields,
    trait_sorts,
)
from cdp.graphql.paging import Connection, forwards
from cdp.graphql.usage import WINDOW, AccountUsage, ActivePeople, Seats, window
from cdp.model import AccountKind
from cdp.model.classes import TraitOf
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Column, Connected, Given, argument, column, nested, planned, rows
from cdp.plan.labels import BOTH, INTENT, NONE, PII, USAGE, Labels
from cdp.plan.personal import CLASSED, HOUSEHOLD, seen_traits, unless_household
from cdp.plan.statement import Scope, as_texts


def _count(type_: type, name: str, labels: Labels = NONE) -> Sort:
    return sort(sql_of(type_, name), "int8", described(type_, name), labels=labels)


_SORTS = {
    "CREATED_AT": sort("a.created_at", "timestamptz", "When it became known."),
    "NAME": sort(
        "a.name",
        "text",
        "Name.",
        nullable=True,
        labels=PII,
        redacted=unless_household("a.name"),
        indexed=True,
    ),
    "DOMAIN": sort("a.domain", "text", "Domain.", nullable=True, indexed=True),
    "GROUP_ID": sort("a.group_id", "text", "The id that your systems know it by.", nullable=True),
    **placed(INTENT_SORTS, OF_ACCOUNT, MEMBERS),
    **placed(USAGE_SORTS, {**OF_ACCOUNT, **WORKSPACE_WINDOW}, MEMBERS),
    "PEOPLE": _count(AlignmentFigures, "people"),
    "BUYERS": _count(AlignmentFigures, "buyers", INTENT),
    "PAST_PEOPLE": _count(AlignmentFigures, "past_people", USAGE),
    "ACTIVE_PEOPLE": _count(AlignmentFigures, "active_people", USAGE),
    "ACTIVE_PEOPLE_DAILY": _count(ActivePeople, "daily", USAGE),
    "ACTIVE_PEOPLE_WEEKLY": _count(ActivePeople, "weekly", USAGE),
    "ACTIVE_PEOPLE_MONTHLY": _count(ActivePeople, "monthly", USAGE),
    "SEATS_LICENSED": sort(
        "a.seats_licensed", "int4", described(Seats, "licensed"), nullable=True, labels=USAGE
    ),
    **trait_sorts(TraitOf.ACCOUNT, "a.traits", where=HOUSEHOLD),
}
AccountOrderField = sort_fields("AccountOrderField", "What accounts may be sorted by.", _SORTS)


@strawberry.input(description="One key that accounts are sorted by; panels are those over all its people.")
class AccountOrder:
    """A sort key and its direction."""

    field: Enum = strawberry.field(description="What to sort by.", graphql_type=AccountOrderField)
    of: str | None = of_field()
    direction: words.Direction = strawberry.field(default=words.Direction.ASC, description="Which way.")


_SEARCHED = "lower(concat_ws(E'\\n', {name}, a.domain, a.group_id))"

ACCOUNTS = Entity(
    type_name="Account",
    alias="a",
    source="account a",
    key=(SortKey(sql="a.account_id", sql_type="int8"),),
    visible="a.workspace_id = $1 AND a.merged_into IS NULL",
    by_id=(
        "a.account_id = (SELECT coalesce(b.merged_into, b.account_id) FROM account b"
        " WHERE b.workspace_id = $1 AND b.account_id = {key_0})"
    ),
    sorts=keys_of(AccountOrderField, _SORTS),
    search=_SEARCHED.format(name="a.name"),
    search_labels=PII,
    search_redacted=_SEARCHED.format(name=unless_household("a.name")),
)


def _of_roles(scope: Scope, given: Given, _scopes: frozenset[object]) -> list[str]:
    leaf = given.get("role")
    if leaf is None:
        return []
    roles = scope.bind(leaf, "text[]", as_texts)
    return [f"EXISTS (SELECT FROM {ROLES} WHERE c.role = ANY({roles}) AND {CURRENT})"]


@strawberry.type(description="What people buy or use on behalf of: an organisation or a household.")
class Account(Node):
    """One account."""

    id: ID = global_id("Account", "a.account_id")
    kind: AccountKind = column("a.kind", description="Organisation or household.")
    name: str | None = column(
        "a.name",
        labels=PII,
        redacted=unless_household("a.name"),
        description="Name; null of a household for whoever may not read personal data.",
    )
    domain: str | None = column("a.domain", description="Registrable domain, in lower case.")
    group_id: str | None = column(
        "a.group_id", description="The id that your systems know it by; null: known by its domain alone."
    )
    traits: JSON = column(
        "a.traits",
        labels=CLASSED,
        redacted=seen_traits(TraitOf.ACCOUNT, "a.traits", where=HOUSEHOLD),
        description="Attributes by key, the last writer winning; without those whose class the caller may not see, as "
        "the workspace declares it or, of a household, their names and values tell it.",
    )
    enrichment: list[EnrichedAccountTrait] = rows(
        ACCOUNT_SOURCE,
        order="e.key, e.confidence DESC, e.provider, e.account_id",
        description="Traits that providers contributed, the surest of each key first. The account's own outrank them.",
    )
    created_at: datetime = column("a.created_at", description="When it became known.")
    buyer_intent: AccountBuyerIntent | None = nested(
        MEMBERS,
        names=shown(OF_ACCOUNT),
        labels=INTENT,
        description="The buyer-intent panel over all its people.",
    )
    usage: AccountUsage | None = nested(
        MEMBERS,
        names=lambda scope, given: {**shown(OF_ACCOUNT), **window(scope, given)},
        labels=USAGE,
        arguments=[WINDOW],
        description="The usage panel over all its people.",
    )
    alignment: words.Alignment = column(ALIGNMENT, description="How its buyers and users go together.")
    alignment_figures: AlignmentFigures = nested(description="The figures behind the alignment.")
    product_qualified: bool | None = planned(
        Column(
            sql=f"(SELECT {QUALIFIED} FROM {MEMBERS})", names={**OF_ACCOUNT, **WORKSPACE_WINDOW}, labels=BOTH
        ),
        description="Whether usage passes the workspace's bar while the intent score is still below it.",
    )
    people: Connection[Membership] = planned(
        Connected(entity=lambda: MEMBERSHIPS, where="m.account_id = a.account_id", conditions=_of_roles),
        arguments=[
            argument("role", list[str] | None, "Only who holds one of these roles now.", None),
            argument("where", MembershipFilter | None, "What must hold of them.", None),
            MEMBERSHIP_ORDER,
            *forwards(),
        ],
        description="Its members, and others who acted in it.",
    )
