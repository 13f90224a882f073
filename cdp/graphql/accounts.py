"""Accounts: what people buy or use on behalf of."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql import words
from cdp.graphql.alignment import ALIGNMENT, BUYS, PRESENT, USES
from cdp.graphql.facts import CURRENT, MEMBERS, OF_ACCOUNT, QUALIFIED, ROLES, WORKSPACE_WINDOW
from cdp.graphql.filters import MembershipFilter
from cdp.graphql.intent import AccountBuyerIntent
from cdp.graphql.memberships import MEMBERSHIPS, Membership
from cdp.graphql.nodes import Node, global_id
from cdp.graphql.paging import Connection, forwards
from cdp.graphql.personal import without_personal
from cdp.graphql.usage import WINDOW, AccountUsage, window
from cdp.model import AccountKind
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Column, Connected, Given, argument, column, nested, planned
from cdp.plan.labels import BOTH, INTENT, PII, USAGE
from cdp.plan.statement import Scope, as_texts


@strawberry.enum(description="What accounts may be sorted by.")
class AccountOrderField(Enum):
    """Sort keys."""

    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When it became known.")
    NAME = strawberry.enum_value("NAME", description="Name.")
    DOMAIN = strawberry.enum_value("DOMAIN", description="Domain.")


@strawberry.input(description="One key that accounts are sorted by.")
class AccountOrder:
    """A sort key and its direction."""

    field: AccountOrderField = strawberry.field(description="What to sort by.")
    direction: words.Direction = strawberry.field(default=words.Direction.ASC, description="Which way.")


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
    sorts={
        AccountOrderField.CREATED_AT: SortKey(sql="a.created_at", sql_type="timestamptz"),
        AccountOrderField.NAME: SortKey(sql="a.name", sql_type="text", nullable=True),
        AccountOrderField.DOMAIN: SortKey(sql="a.domain", sql_type="text", nullable=True),
    },
    search="lower(concat_ws(E'\\n', a.name, a.domain, a.group_id))",
)


def _people(which: str) -> str:
    return f"(SELECT count(*) FROM {PRESENT} AND {which})"


_PURCHASES = f"(SELECT coalesce(sum(m.purchase_count), 0) FROM {PRESENT})"


@strawberry.type(description="The figures behind an account's alignment.")
class AlignmentFigures:
    """Buyers against users."""

    people: int = column(
        _people("true"),
        description="Everybody who is in the account today, or acted in it without being a member.",
    )
    buyers: int | None = column(
        _people(BUYS),
        labels=INTENT,
        description="People who bought something, or hold the role ECONOMIC_BUYER.",
    )
    purchases: int | None = column(_PURCHASES, labels=INTENT, description="Orders and contracts that count.")
    intent_score: float | None = column(
        f"(SELECT round((coalesce(sum(m.intent_rank), 0) * {{decay}})::numeric, 6)::float8 FROM {PRESENT})",
        labels=INTENT,
        description="Sum of the people's scores.",
    )
    active_people: int | None = column(
        _people(USES), labels=USAGE, description="People with usage in the workspace's window."
    )
    past_people: int | None = column(
        _people(f"m.last_used_at IS NOT NULL AND NOT {USES}"),
        labels=USAGE,
        description="People who used it before the window, and not in it.",
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
    name: str | None = column("a.name", description="Name.")
    domain: str | None = column("a.domain", description="Registrable domain, in lower case.")
    group_id: str | None = column(
        "a.group_id", description="The id that your systems know it by; null: known by its domain alone."
    )
    traits: JSON = column(
        "a.traits",
        labels=PII,
        redacted=f"CASE WHEN a.kind = 'HOUSEHOLD' THEN {without_personal('a.traits')} ELSE a.traits END",
        description="Attributes by key, the last writer winning; of a household, without those that identify a person "
        "for whoever may not read personal data.",
    )
    created_at: datetime = column("a.created_at", description="When it became known.")
    buyer_intent: AccountBuyerIntent | None = nested(
        MEMBERS, names=OF_ACCOUNT, labels=INTENT, description="The buyer-intent panel over all its people."
    )
    usage: AccountUsage | None = nested(
        MEMBERS,
        names=lambda scope, given: {**OF_ACCOUNT, **window(scope, given)},
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
            *forwards(),
        ],
        description="Its members, and others who acted in it.",
    )
