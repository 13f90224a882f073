"""Filters of people, memberships and accounts. They refer to each other: a person's memberships, a member's account."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.unset import UNSET

from cdp.graphql.alignment import ALIGNMENT
from cdp.graphql.facts import (
    ACTIVE_DAYS,
    ADOPTION,
    CURRENT,
    INFLUENCE,
    LEVEL_BANDS,
    OF_MEMBER,
    OF_PERSON,
    PHASE,
    QUALIFIED,
    ROLES,
    WORKSPACE_WINDOW,
)
from cdp.graphql.operators import (
    AccountKindFilter,
    AlignmentFilter,
    BooleanFilter,
    DateTimeFilter,
    IntentLevelFilter,
    IntFilter,
    PhaseFilter,
    RangeFilter,
    StageFilter,
    TextFilter,
    TraitFilter,
)
from cdp.plan.filters import Banded, Traits, all_of, any_of, compares, condition, none_of, related, within
from cdp.plan.labels import BOTH, INTENT, PII, USAGE
from cdp.plan.moment import Moment


def _rank(value: Any, moment: Moment) -> float:
    return moment.rank_of(value)


@strawberry.input(description="What must hold of a buyer-intent view.")
class BuyerIntentFilter:
    """Of buyer intent."""

    score: RangeFilter | None = compares(
        "{row}.intent_rank", sql_type="float8", convert=_rank, description="The score today."
    )
    level: IntentLevelFilter | None = condition(Banded(bands=LEVEL_BANDS), "The level.")
    stage: StageFilter | None = compares(
        "{row}.stage", sql_type="buying_stage", description="The current stage."
    )
    furthest_stage: StageFilter | None = compares(
        "{row}.furthest_stage", sql_type="buying_stage", description="The furthest stage ever."
    )
    purchase_count: IntFilter | None = compares(
        "{row}.purchase_count", sql_type="int4", description="How many purchases count."
    )
    last_purchase_at: DateTimeFilter | None = compares(
        "{row}.last_purchase_at", sql_type="timestamptz", description="The last purchase."
    )
    last_signal_at: DateTimeFilter | None = compares(
        "{row}.intent_last_at", sql_type="timestamptz", description="The last sign of intent."
    )


@strawberry.input(description="What must hold of a usage view, by the workspace's own window.")
class UsageFilter:
    """Of usage."""

    phase: PhaseFilter | None = compares(PHASE, description="The phase.")
    stickiness: RangeFilter | None = compares(
        f"{ACTIVE_DAYS}::float8 / {{window}}",
        sql_type="float8",
        description="Active days ÷ days of the window.",
    )
    active_days: IntFilter | None = compares(
        ACTIVE_DAYS, sql_type="int8", description="Distinct days with usage in the window."
    )
    adoption_rate: RangeFilter | None = compares(
        ADOPTION,
        sql_type="float8",
        description="Features used in the window ÷ features that the workspace defines; without any, nobody is found.",
    )
    first_used_at: DateTimeFilter | None = compares(
        "{row}.usage_first_at", sql_type="timestamptz", description="The first usage."
    )
    last_used_at: DateTimeFilter | None = compares(
        "{row}.last_used_at", sql_type="timestamptz", description="The last usage."
    )
    activated_at: DateTimeFilter | None = compares(
        "{row}.activated_at", sql_type="timestamptz", description="The activation."
    )


@strawberry.input(description="What must hold of an identifier.")
class IdentifierFilter:
    """Of identifiers."""

    kind: TextFilter | None = compares("n.kind", description="Kind, such as `email`.")
    value: TextFilter | None = compares("n.value", labels=PII, description="Value, as it is stored.")


@strawberry.input(description="What must hold of a person's identifiers.")
class IdentifiersFilter:
    """Of all of them."""

    some: IdentifierFilter | None = strawberry.field(default=UNSET, description="Of at least one.")
    every: IdentifierFilter | None = strawberry.field(default=UNSET, description="Of each of them.")
    none: IdentifierFilter | None = strawberry.field(default=UNSET, description="Of none of them.")


@strawberry.input(description="What must hold of an account. All that is given must hold.")
class AccountFilter:
    """Of accounts."""

    and_: list[AccountFilter] | None = all_of()
    or_: list[AccountFilter] | None = any_of()
    not_: AccountFilter | None = none_of()
    kind: AccountKindFilter | None = compares(
        "a.kind", sql_type="account_kind", description="Organisation or household."
    )
    name: TextFilter | None = compares("a.name", description="Name.")
    domain: TextFilter | None = compares("a.domain", description="Registrable domain, in lower case.")
    group_id: TextFilter | None = compares("a.group_id", description="The id that your systems know it by.")
    traits: list[TraitFilter] | None = condition(Traits(sql="a.traits"), "Traits; all of these must hold.")
    created_at: DateTimeFilter | None = compares(
        "a.created_at", sql_type="timestamptz", description="When it became known."
    )
    alignment: AlignmentFilter | None = compares(
        f"({ALIGNMENT})", description="How its buyers and users go together."
    )
    members: MembershipsFilter | None = related(
        "membership m",
        "m.workspace_id = $1 AND m.account_id = a.account_id",
        names={"row": "m"},
        description="Its people.",
    )


@strawberry.input(description="What must hold of a membership. All that is given must hold.")
class MembershipFilter:
    """Of memberships."""

    and_: list[MembershipFilter] | None = all_of()
    or_: list[MembershipFilter] | None = any_of()
    not_: MembershipFilter | None = none_of()
    role: TextFilter | None = compares(
        "c.role", source=f"{ROLES} WHERE {CURRENT}", description="A role that the person holds now."
    )
    own: BooleanFilter | None = compares(
        "m.own", sql_type="bool", description="Whether the person is a member, or only acted in the account."
    )
    account: AccountFilter | None = within(
        "account a WHERE a.workspace_id = $1 AND a.account_id = m.account_id",
        names={"row": "a"},
        description="The account; a membership with oneself has none.",
    )
    person: ProfileFilter | None = within(
        "profile p WHERE p.workspace_id = $1 AND p.profile_id = m.profile_id",
        names=OF_PERSON,
        description="The person.",
    )
    influence: RangeFilter | None = compares(
        INFLUENCE, sql_type="float8", description="How much the member plausibly moves the account's buying."
    )
    buyer_intent: BuyerIntentFilter | None = within(
        names=OF_MEMBER, labels=INTENT, description="The person's buyer intent within the account."
    )
    usage: UsageFilter | None = within(
        names={**OF_MEMBER, **WORKSPACE_WINDOW},
        labels=USAGE,
        description="The person's usage within the account.",
    )
    since: DateTimeFilter | None = compares("m.since", sql_type="timestamptz", description="When it began.")
    until: DateTimeFilter | None = compares("m.until", sql_type="timestamptz", description="When it ended.")


@strawberry.input(description="What must hold of some, of every or of no membership.")
class MembershipsFilter:
    """Of all memberships of a person or an account."""

    some: MembershipFilter | None = strawberry.field(default=UNSET, description="Of at least one.")
    every: MembershipFilter | None = strawberry.field(default=UNSET, description="Of each of them.")
    none: MembershipFilter | None = strawberry.field(default=UNSET, description="Of none of them.")


@strawberry.input(description="What must hold of a person. All that is given must hold.")
class ProfileFilter:
    """Of people."""

    and_: list[ProfileFilter] | None = all_of()
    or_: list[ProfileFilter] | None = any_of()
    not_: ProfileFilter | None = none_of()
    display_name: TextFilter | None = compares("p.display_name", labels=PII, description="Name.")
    created_at: DateTimeFilter | None = compares(
        "p.created_at", sql_type="timestamptz", description="When the profile was made."
    )
    first_seen_at: DateTimeFilter | None = compares(
        "p.first_seen_at", sql_type="timestamptz", description="When the person was first seen."
    )
    last_seen_at: DateTimeFilter | None = compares(
        "p.last_seen_at", sql_type="timestamptz", description="When the person was last seen."
    )
    traits: list[TraitFilter] | None = condition(
        Traits(sql="p.traits", labels=PII), "Traits; all of these must hold."
    )
    identifiers: IdentifiersFilter | None = related(
        "node n",
        "n.workspace_id = $1 AND n.profile_id = p.profile_id",
        names={"row": "n"},
        description="Identifiers.",
    )
    memberships: MembershipsFilter | None = related(
        "membership m",
        "m.workspace_id = $1 AND m.profile_id = p.profile_id",
        names={"row": "m"},
        description="Memberships.",
    )
    product_qualified: BooleanFilter | None = compares(
        QUALIFIED.replace("{window}", "{window_days}"),
        sql_type="bool",
        labels=BOTH,
        description="Whether usage passes the workspace's bar while the intent score is still below it.",
    )
    buyer_intent: BuyerIntentFilter | None = within(
        names=OF_PERSON, labels=INTENT, description="Buyer intent over all accounts."
    )
    usage: UsageFilter | None = within(
        names={**OF_PERSON, **WORKSPACE_WINDOW}, labels=USAGE, description="Usage over all accounts."
    )
