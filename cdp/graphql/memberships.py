"""Memberships: a person in an account, or with themselves, and the roles held there."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql.facts import CURRENT, HOLDER, INFLUENCE, OF_MEMBER, WORKSPACE_WINDOW, shown
from cdp.graphql.facts import roles as roles_from
from cdp.graphql.held import HeldRole, held
from cdp.graphql.intent import BuyerIntent
from cdp.graphql.nodes import Node, global_id
from cdp.graphql.orders import INTENT_SORTS, USAGE_SORTS, keys_of, of_field, placed, sort, sort_fields
from cdp.graphql.scores import INFLUENCE_POINTS, INFLUENCE_SCORED, ScoreContribution
from cdp.graphql.usage import WINDOW, Usage, window
from cdp.graphql.words import Direction
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Given, Less, Names, argument, column, nested, rows
from cdp.plan.labels import BOTH, INTENT, PII, USAGE
from cdp.plan.personal import unless_household
from cdp.plan.statement import Scope, as_given

if TYPE_CHECKING:
    from cdp.graphql.accounts import Account
    from cdp.graphql.profiles import Profile

_ACCOUNT_NAME = "(SELECT {name} FROM account a WHERE a.workspace_id = $1 AND a.account_id = m.account_id)"
_SORTS = {
    "SINCE": sort("m.since", "timestamptz", "When it began.", nullable=True),
    "UNTIL": sort("m.until", "timestamptz", "When it ended.", nullable=True),
    "INFLUENCE": sort(
        "m.influence_rank", "float8", "How much the member plausibly moves the account's buying.", labels=BOTH
    ),
    "INFLUENCE_POINTS": sort(
        INFLUENCE_POINTS, "float8", "Sum of the points that plugins add to the influence.", labels=BOTH
    ),
    "PERSON_NAME": sort(
        "(SELECT p.display_name FROM profile p WHERE p.workspace_id = $1 AND p.profile_id = m.profile_id)",
        "text",
        "The person's name.",
        nullable=True,
        labels=PII,
    ),
    "ACCOUNT_NAME": sort(
        _ACCOUNT_NAME.format(name="a.name"),
        "text",
        "The account's name.",
        nullable=True,
        labels=PII,
        redacted=_ACCOUNT_NAME.format(name=unless_household("a.name")),
    ),
    **placed(INTENT_SORTS, OF_MEMBER),
    **placed(USAGE_SORTS, {**OF_MEMBER, **WORKSPACE_WINDOW}),
}
MembershipOrderField = sort_fields("MembershipOrderField", "What memberships may be sorted by.", _SORTS)


@strawberry.input(description="One key that memberships are sorted by; panels are those within the account.")
class MembershipOrder:
    """A sort key and its direction."""

    field: Enum = strawberry.field(description="What to sort by.", graphql_type=MembershipOrderField)
    of: str | None = of_field()
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


MEMBERSHIP_ORDER = argument(
    "orderBy", list[MembershipOrder] | None, "Sort keys, the first one leading; by id at last.", None
)

_PERSON = SortKey(sql="m.profile_id", sql_type="int8")
_ACCOUNT = SortKey(sql="m.account_id", sql_type="int8")

MEMBERSHIPS = Entity(
    type_name="Membership",
    alias="m",
    source="membership m",
    key=(_PERSON, _ACCOUNT),
    visible="m.workspace_id = $1",
    sorts=keys_of(MembershipOrderField, _SORTS),
    shared=HOLDER,
    by_id=(
        "m.profile_id = (SELECT coalesce(q.merged_into, q.profile_id) FROM profile q"
        " WHERE q.workspace_id = $1 AND q.profile_id = {key_0})"
        " AND m.account_id = coalesce((SELECT b.merged_into FROM account b"
        " WHERE b.workspace_id = $1 AND b.account_id = {key_1}), {key_1})"
    ),
)


@strawberry.type(description="One reason for a role, in words and in figures.")
class Evidence:
    """One reason."""

    reason: str = column("v.reason", description="A sentence for a person.")
    facts: JSON = column("v.facts", description="The figures behind it.")


_IF_ASSERTED = "CASE WHEN c.source LIKE 'human:%' THEN {} END"
_OTHERWISE = (
    "Of what a plugin infers, null for whoever may not see both panels: it tells what people did, and when."
)


@strawberry.type(
    description="A role that a person holds, or held, within a membership, with what speaks for it."
)
class RoleClaim:
    """One role by one source."""

    role: str = column("c.role", description="The role, such as `ECONOMIC_BUYER` or `END_USER`.")
    confidence: float | None = column(
        "c.confidence",
        labels=BOTH,
        redacted=_IF_ASSERTED.format("c.confidence"),
        description=f"How sure it is, above 0 and up to 1; 1 if a person says so. {_OTHERWISE}",
    )
    source: str = column(
        "c.source", description="The plugin that infers it, or `human:` and the name of who asserts it."
    )
    evidence: list[Evidence] | None = rows(
        "(SELECT coalesce(one.value ->> 'reason', '') AS reason, coalesce(one.value -> 'facts', '{}') AS facts,"
        " one.place FROM jsonb_array_elements(c.evidence) WITH ORDINALITY AS one (value, place)) v",
        order="v.place",
        labels=BOTH,
        description="Why; it may tell of both panels.",
    )
    since: datetime | None = column(
        "c.since",
        labels=BOTH,
        redacted=_IF_ASSERTED.format("c.since"),
        description=f"When it began. {_OTHERWISE}",
    )
    until: datetime | None = column(
        "c.until",
        labels=BOTH,
        redacted=_IF_ASSERTED.format("c.until"),
        description=f"When it ended, or will by its own word; null: it goes on. {_OTHERWISE}",
    )


_BY_ROLES = (
    f"CASE WHEN EXISTS (SELECT FROM {roles_from('{holder_nodes}')}"
    f" WHERE c.role IN ('INFLUENCER', 'CHAMPION', 'ADVOCATE') AND {CURRENT}) THEN 0.5 ELSE 0 END"
)


def _ended(scope: Scope, given: Given) -> Names:
    return {"ended": lambda: scope.bind(given["ended"], "bool", as_given)}


@strawberry.type(description="A person in an account, or with themselves where there is none.")
class Membership(Node):
    """One membership."""

    id: ID = global_id("Membership", "m.profile_id", "m.account_id")
    person: Annotated[Profile, strawberry.lazy("cdp.graphql.profiles")] = nested(
        "profile p WHERE p.workspace_id = $1 AND p.profile_id = m.profile_id",
        names={"row": "p"},
        description="The person.",
    )
    account: Annotated[Account, strawberry.lazy("cdp.graphql.accounts")] | None = nested(
        "account a WHERE a.workspace_id = $1 AND a.account_id = m.account_id",
        names={"row": "a"},
        description="The account; null: with themselves.",
    )
    roles: list[RoleClaim] = rows(
        f"{roles_from('{holder_nodes}')} WHERE ({{ended}} OR {CURRENT})",
        order="(c.until IS NULL) DESC, (c.source LIKE 'human:%') DESC, c.confidence DESC, c.role, c.source,"
        " c.since DESC",
        less=Less(
            labels=BOTH,
            source=f"{roles_from('{holder_nodes}')} WHERE ({CURRENT} OR ({{ended}} AND c.source LIKE 'human:%'))",
            order="(c.source LIKE 'human:%') DESC, c.role, c.source, c.since DESC",
        ),
        names=_ended,
        arguments=[
            argument(
                "ended",
                bool,
                "Whether to show those too that have ended; to whoever may not see both panels, only what a person "
                "asserted.",
                default=False,
            )
        ],
        description="Roles, what a person asserted first, then the surest; for whoever may not see both panels, "
        "by name.",
    )
    held_roles: list[HeldRole] = rows(
        held(roles_from("{holder_nodes}")),
        order="h.confidence DESC, h.role",
        less=Less(labels=BOTH, source=held(roles_from("{holder_nodes}")), order="h.asserted DESC, h.role"),
        description="Each role that is held now, all that is claimed of it taken together, the surest first; "
        "`roleExplain` says how that came about.",
    )
    own: bool = column(
        "m.own", description="Whether the person is a member, rather than having only acted in the account."
    )
    influence: float = column(
        INFLUENCE,
        labels=BOTH,
        redacted=_BY_ROLES,
        description="How much the member's usage and advocacy plausibly moves the account's buying, 0 to 1. For "
        "whoever "
        "may not see both panels, what the names of the roles say: one half for who influences, champions or "
        "advocates, "
        "else 0.",
    )
    influence_points: float | None = column(
        INFLUENCE_POINTS,
        labels=BOTH,
        description="Sum of the points that plugins add to the influence; `influence` is without them.",
    )
    influence_contributions: list[ScoreContribution] | None = rows(
        INFLUENCE_SCORED,
        order="abs(x.points) DESC, x.source, x.name",
        labels=BOTH,
        description="Points that plugins add to the influence, the most first, each with its reason and source.",
    )
    since: datetime | None = column("m.since", description="When it began; null: not known.")
    until: datetime | None = column("m.until", description="When it ended; null: it goes on.")
    buyer_intent: BuyerIntent | None = nested(
        names=shown(OF_MEMBER), labels=INTENT, description="The person's buyer intent within the account."
    )
    usage: Usage | None = nested(
        names=lambda scope, given: {**shown(OF_MEMBER), **window(scope, given)},
        labels=USAGE,
        arguments=[WINDOW],
        description="The person's usage within the account.",
    )
