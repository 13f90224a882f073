"""Filters of people, memberships and accounts. They refer to each other: a person's memberships, a member's account."""

from __future__ import annotations

import strawberry

from cdp.graphql.alignment import ALIGNMENT, AlignmentFigures
from cdp.graphql.declared import like
from cdp.graphql.facts import (
    CURRENT,
    INFLUENCE,
    MEMBERS,
    OF_ACCOUNT,
    OF_MEMBER,
    OF_PERSON,
    QUALIFIED,
    ROLES,
    WORKSPACE_WINDOW,
)
from cdp.graphql.held import HeldRole, held
from cdp.graphql.identifiers import Identifier
from cdp.graphql.intent_filters import (
    OF_EVERY,
    OF_NONE,
    OF_SOME,
    AccountBuyerIntentFilter,
    BuyerIntentFilter,
    ContributionsFilter,
    quantified,
)
from cdp.graphql.operators import (
    AccountKindFilter,
    AlignmentFilter,
    BooleanFilter,
    DateTimeFilter,
    IdFilter,
    IntFilter,
    RangeFilter,
    TextFilter,
    TraitFilter,
)
from cdp.graphql.scores import INFLUENCE_POINTS, INFLUENCE_SCORED
from cdp.graphql.usage_filters import AccountUsageFilter, UsageFilter
from cdp.model.classes import TraitOf
from cdp.plan.filters import (
    Identified,
    Traits,
    all_of,
    any_of,
    compares,
    condition,
    none_of,
    related,
    within,
)
from cdp.plan.labels import BOTH, INTENT, PII, USAGE
from cdp.plan.personal import HOUSEHOLD, unless_household

_QUALIFIED = "Whether usage passes the workspace's bar while the intent score is still below it."
_USED = {**OF_ACCOUNT, **WORKSPACE_WINDOW}
_OF_MEMBERS = f"{MEMBERS} WHERE true"


@strawberry.input(description="What must hold of an identifier.")
class IdentifierFilter:
    """Of identifiers."""

    kind: TextFilter | None = compares("n.kind", description="Kind, such as `email`.")
    value: TextFilter | None = compares("n.value", labels=PII, description="Value, as it is stored.")
    first_seen_at: DateTimeFilter | None = like(Identifier, "first_seen_at", "timestamptz")


@strawberry.input(description="What must hold of a person's identifiers.")
class IdentifiersFilter:
    """Of all of them."""

    some: IdentifierFilter | None = quantified(OF_SOME)
    every: IdentifierFilter | None = quantified(OF_EVERY)
    none: IdentifierFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of the figures behind an account's alignment.")
class AlignmentFiguresFilter:
    """Of buyers against users."""

    people: IntFilter | None = like(AlignmentFigures, "people", "int8")
    buyers: IntFilter | None = like(AlignmentFigures, "buyers", "int8")
    purchases: IntFilter | None = like(AlignmentFigures, "purchases", "int8")
    intent_score: RangeFilter | None = like(AlignmentFigures, "intent_score", "float8")
    active_people: IntFilter | None = like(AlignmentFigures, "active_people", "int8")
    past_people: IntFilter | None = like(AlignmentFigures, "past_people", "int8")


@strawberry.input(description="What must hold of an account. All that is given must hold.")
class AccountFilter:
    """Of accounts."""

    and_: list[AccountFilter] | None = all_of()
    or_: list[AccountFilter] | None = any_of()
    not_: AccountFilter | None = none_of()
    id: IdFilter | None = condition(
        Identified(
            type_name="Account",
            sql="a.account_id = ANY(ARRAY(SELECT coalesce(b.merged_into, b.account_id) FROM account b"
            " WHERE b.workspace_id = $1 AND b.account_id = ANY({ids})))",
        ),
        "Id.",
    )
    kind: AccountKindFilter | None = compares(
        "a.kind", sql_type="account_kind", description="Organisation or household."
    )
    name: TextFilter | None = compares(
        "a.name", labels=PII, redacted=unless_household("a.name"), description="Name."
    )
    domain: TextFilter | None = compares("a.domain", description="Registrable domain, in lower case.")
    group_id: TextFilter | None = compares("a.group_id", description="The id that your systems know it by.")
    traits: list[TraitFilter] | None = condition(
        Traits(sql="a.traits", of=TraitOf.ACCOUNT, where=HOUSEHOLD),
        "Traits, as far as the caller may see them; all of these must hold.",
    )
    created_at: DateTimeFilter | None = compares(
        "a.created_at", sql_type="timestamptz", description="When it became known."
    )
    alignment: AlignmentFilter | None = compares(
        f"({ALIGNMENT})", description="How its buyers and users go together."
    )
    alignment_figures: AlignmentFiguresFilter | None = within(description="The figures behind the alignment.")
    product_qualified: BooleanFilter | None = compares(
        QUALIFIED, sql_type="bool", source=_OF_MEMBERS, names=_USED, labels=BOTH, description=_QUALIFIED
    )
    buyer_intent: AccountBuyerIntentFilter | None = within(
        _OF_MEMBERS, names=OF_ACCOUNT, labels=INTENT, description="Buyer intent over all its people."
    )
    usage: AccountUsageFilter | None = within(
        _OF_MEMBERS, names=_USED, labels=USAGE, description="Usage over all its people."
    )
    members: MembershipsFilter | None = related(
        "membership m",
        "m.workspace_id = $1 AND m.account_id = a.account_id",
        names={"row": "m"},
        description="Its people.",
    )


@strawberry.input(description="What must hold of a role that one source claims.")
class RoleClaimFilter:
    """Of one role."""

    role: TextFilter | None = compares("c.role", description="The role.")
    confidence: RangeFilter | None = compares(
        "c.confidence", sql_type="float8", labels=BOTH, description="How sure it is."
    )
    source: TextFilter | None = compares("c.source", description="Who claims it.")
    since: DateTimeFilter | None = compares(
        "c.since", sql_type="timestamptz", labels=BOTH, description="When it began."
    )
    until: DateTimeFilter | None = compares(
        "c.until", sql_type="timestamptz", labels=BOTH, description="When it ended, or will."
    )


@strawberry.input(description="What must hold of some, of every or of no role.")
class RolesFilter:
    """Of all roles."""

    some: RoleClaimFilter | None = quantified(OF_SOME)
    every: RoleClaimFilter | None = quantified(OF_EVERY)
    none: RoleClaimFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of a role, whatever its sources.")
class HeldRoleFilter:
    """Of one role."""

    role: TextFilter | None = like(HeldRole, "role")
    confidence: RangeFilter | None = like(HeldRole, "confidence", "float8")
    asserted: BooleanFilter | None = like(HeldRole, "asserted", "bool")


@strawberry.input(description="What must hold of some, of every or of no role that is held.")
class HeldRolesFilter:
    """Of all roles."""

    some: HeldRoleFilter | None = quantified(OF_SOME)
    every: HeldRoleFilter | None = quantified(OF_EVERY)
    none: HeldRoleFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of a membership. All that is given must hold.")
class MembershipFilter:
    """Of memberships."""

    and_: list[MembershipFilter] | None = all_of()
    or_: list[MembershipFilter] | None = any_of()
    not_: MembershipFilter | None = none_of()
    role: TextFilter | None = compares(
        "c.role", source=f"{ROLES} WHERE {CURRENT}", description="A role that the person holds now."
    )
    roles: RolesFilter | None = related(
        ROLES, CURRENT, description="Roles that the person holds now, each with one source."
    )
    ended_roles: RolesFilter | None = related(
        ROLES, f"NOT {CURRENT}", labels=BOTH, description="Roles that the person held and no longer holds."
    )
    held_roles: HeldRolesFilter | None = related(
        held(ROLES), "true", description="Roles that the person holds now, all their claims taken together."
    )
    influence_points: RangeFilter | None = compares(
        INFLUENCE_POINTS,
        sql_type="float8",
        labels=BOTH,
        description="Sum of the points that plugins add to the influence.",
    )
    influence_contributions: ContributionsFilter | None = related(
        *INFLUENCE_SCORED.split(" WHERE "),
        labels=BOTH,
        description="Points that plugins add to the influence.",
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
        INFLUENCE,
        sql_type="float8",
        labels=BOTH,
        description="How much the member plausibly moves the account's buying.",
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

    some: MembershipFilter | None = quantified(OF_SOME)
    every: MembershipFilter | None = quantified(OF_EVERY)
    none: MembershipFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of a person. All that is given must hold.")
class ProfileFilter:
    """Of people."""

    and_: list[ProfileFilter] | None = all_of()
    or_: list[ProfileFilter] | None = any_of()
    not_: ProfileFilter | None = none_of()
    id: IdFilter | None = condition(
        Identified(
            type_name="Profile",
            sql="p.profile_id = ANY(ARRAY(SELECT coalesce(q.merged_into, q.profile_id) FROM profile q"
            " WHERE q.workspace_id = $1 AND q.profile_id = ANY({ids})))",
        ),
        "Id.",
    )
    display_name: TextFilter | None = compares("p.display_name", labels=PII, description="Name.")
    created_at: DateTimeFilter | None = compares(
        "p.created_at", sql_type="timestamptz", description="When the profile was made."
    )
    first_seen_at: DateTimeFilter | None = compares(
        "p.first_seen_at", sql_type="timestamptz", labels=BOTH, description="When the person was first seen."
    )
    last_seen_at: DateTimeFilter | None = compares(
        "p.last_seen_at", sql_type="timestamptz", labels=BOTH, description="When the person was last seen."
    )
    traits: list[TraitFilter] | None = condition(
        Traits(sql="p.traits", of=TraitOf.PROFILE),
        "Traits, as far as the caller may see them; all of these must hold.",
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
        QUALIFIED,
        sql_type="bool",
        names={**OF_PERSON, **WORKSPACE_WINDOW},
        labels=BOTH,
        description=_QUALIFIED,
    )
    buyer_intent: BuyerIntentFilter | None = within(
        names=OF_PERSON, labels=INTENT, description="Buyer intent over all accounts."
    )
    usage: UsageFilter | None = within(
        names={**OF_PERSON, **WORKSPACE_WINDOW}, labels=USAGE, description="Usage over all accounts."
    )
