"""Profiles: everything known about one person."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql.enrichment import PERSON_SOURCE, EnrichedTrait
from cdp.graphql.events import EVENTS, RUNS_OF_PERSON, Event, of_lenses
from cdp.graphql.facts import OF_MEMBER, OF_PERSON, QUALIFIED, WORKSPACE_WINDOW, nodes_of, shown
from cdp.graphql.filters import MembershipFilter, ProfileFilter
from cdp.graphql.identifiers import Identifier
from cdp.graphql.intent import BuyerIntent
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
from cdp.graphql.personalisation import Personalisation, fill_slot, fill_slots
from cdp.graphql.usage import WINDOW, Usage, window
from cdp.graphql.words import Direction
from cdp.model import Lens
from cdp.model.classes import TraitOf
from cdp.model.ids import decode_id_of
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import (
    Column,
    Connected,
    Given,
    Names,
    Nested,
    argument,
    column,
    computed,
    masked,
    planned,
    rows,
)
from cdp.plan.frames import Shared
from cdp.plan.labels import BOTH, INTENT, PII, USAGE
from cdp.plan.personal import CLASSED, masked_name, seen_traits
from cdp.plan.statement import Scope

_ID = SortKey(sql="p.profile_id", sql_type="int8")
_LAST_SEEN = SortKey(sql="p.last_seen_at", sql_type="timestamptz", nullable=True, labels=BOTH, indexed=True)

_SORTS = {
    "CREATED_AT": sort("p.created_at", "timestamptz", "When the profile was made."),
    "DISPLAY_NAME": sort("p.display_name", "text", "Name.", nullable=True, labels=PII),
    "FIRST_SEEN_AT": sort(
        "p.first_seen_at", "timestamptz", "When the person was first seen.", nullable=True, labels=BOTH
    ),
    "LAST_SEEN_AT": Sort(description="When the person was last seen.", key=_LAST_SEEN),
    **placed(INTENT_SORTS, OF_PERSON),
    **placed(USAGE_SORTS, {**OF_PERSON, **WORKSPACE_WINDOW}),
    **trait_sorts(TraitOf.PROFILE, "p.traits"),
}
ProfileOrderField = sort_fields("ProfileOrderField", "What people may be sorted by.", _SORTS)


@strawberry.input(description="One key that people are sorted by.")
class ProfileOrder:
    """A sort key and its direction."""

    field: Enum = strawberry.field(description="What to sort by.", graphql_type=ProfileOrderField)
    of: str | None = of_field()
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


PROFILES = Entity(
    type_name="Profile",
    alias="p",
    source="profile p",
    key=(_ID,),
    visible="p.workspace_id = $1 AND p.merged_into IS NULL",
    by_id=(
        "p.profile_id = (SELECT coalesce(q.merged_into, q.profile_id) FROM profile q"
        " WHERE q.workspace_id = $1 AND q.profile_id = {key_0})"
    ),
    sorts=keys_of(ProfileOrderField, _SORTS),
    order=((_LAST_SEEN, True),),
    search="p.search_text",
    finder="cdp.find_people({words}, 1000)",
    search_labels=PII,
    trait_finder="cdp.find_people_by_trait({trait}, {values}, 500)",
)

WHICH_PEOPLE = [
    argument("where", ProfileFilter | None, "What must hold of them.", None),
    argument(
        "orderBy",
        list[ProfileOrder] | None,
        "Sort keys, the first one leading; by id at last. Without any: who was seen last comes first; for whoever may "
        "not see both panels, who became known last.",
        None,
    ),
    argument("search", str | None, "Words that names and identifiers must have in them, in any case.", None),
]
"""Arguments of every list of people."""

ACCOUNT = argument(
    "account", ID | None, "Only what counts within this account; null: over all of them.", None
)

_WITHIN = (
    "(SELECT coalesce((SELECT coalesce(b.merged_into, b.account_id) FROM account b"
    " WHERE b.workspace_id = $1 AND b.account_id = {account}), -1) AS account_id) wanted"
    " LEFT JOIN membership m ON m.workspace_id = $1 AND m.profile_id = p.profile_id"
    " AND m.account_id = wanted.account_id"
)
"""The person's membership in the account of the argument; an empty row where there is none."""


def _source(_scope: Scope, given: Given) -> str | None:
    return None if given.get("account") is None else _WITHIN


def _place(scope: Scope, given: Given) -> Names:
    leaf = given.get("account")
    if leaf is None:
        return shown(OF_PERSON)
    return {**shown(OF_MEMBER), "account": lambda: scope.bind(leaf, "int8", account_number)}


def account_number(value: object, _moment: object) -> int:
    """The number in an account's id.

    Raises:
        BadInput: not the id of an account.
    """
    return decode_id_of("Account", str(value))


@strawberry.type(description="Everything known about one person, over all their identifiers.")
class Profile(Node):
    """One person."""

    id: ID = global_id("Profile", "p.profile_id")
    display_name: str | None = masked(
        "p.display_name",
        masked_name("p.display_name"),
        labels=PII,
        description="What to call the person: a name, else an identifier; as `J. •.` for whoever may not read personal "
        "data.",
    )
    traits: JSON = column(
        "p.traits",
        labels=CLASSED,
        redacted=seen_traits(TraitOf.PROFILE, "p.traits"),
        description="Attributes by key, the last writer winning; without those whose class the caller may not see, as "
        "the workspace declares it or their names and values tell it.",
    )
    identifiers: list[Identifier] = rows(
        "node n WHERE n.workspace_id = $1 AND n.profile_id = p.profile_id",
        order="n.created_at, n.node_id",
        arguments=[argument("first", int | None, "How many identifiers at most.", None)],
        description="What points at the person, first seen first.",
    )
    created_at: datetime = column("p.created_at", description="When the profile was made.")
    first_seen_at: datetime | None = column(
        "p.first_seen_at",
        labels=BOTH,
        description="When the person was first seen, by an event of either panel.",
    )
    last_seen_at: datetime | None = column(
        "p.last_seen_at",
        labels=BOTH,
        description="When the person was last seen, by an event of either panel.",
    )
    buyer_intent: BuyerIntent | None = planned(
        Nested(source=_source, names=_place, labels=INTENT),
        arguments=[ACCOUNT],
        description="The buyer-intent panel.",
    )
    usage: Usage | None = planned(
        Nested(
            source=_source,
            names=lambda scope, given: {**_place(scope, given), **window(scope, given)},
            labels=USAGE,
        ),
        arguments=[ACCOUNT, WINDOW],
        description="The usage panel.",
    )
    product_qualified: bool | None = planned(
        Column(sql=QUALIFIED, names={**shown(OF_PERSON), **WORKSPACE_WINDOW}, labels=BOTH),
        description="Whether usage passes the workspace's bar while the intent score is still below it.",
    )
    memberships: Connection[Membership] = planned(
        Connected(
            entity=lambda: MEMBERSHIPS,
            where="m.profile_id = p.profile_id",
            shared={"holder_nodes": Shared(nodes_of("p"))},
        ),
        arguments=[
            argument("where", MembershipFilter | None, "What must hold of them.", None),
            MEMBERSHIP_ORDER,
            *forwards(),
        ],
        description="The accounts that the person is in, or acted in; with themselves where there is none.",
    )
    timeline: Connection[Event] = planned(
        Connected(
            entity=lambda: EVENTS,
            each=RUNS_OF_PERSON,
            where="e.node_id = n.node_id AND e.intent = n.intent AND e.usage = n.usage",
            conditions=of_lenses,
        ),
        arguments=[
            argument("lens", list[Lens] | None, "Only events that feed one of these panels.", None),
            *forwards(),
        ],
        description="What happened, the latest first; without events that feed a panel which the caller may not see.",
    )
    enrichment: list[EnrichedTrait] = rows(
        PERSON_SOURCE,
        order="e.key, e.confidence DESC, e.provider, n.node_id",
        description="Traits that providers contributed, the surest of each key first. The person's own outrank them.",
    )
    personalisation: Personalisation | None = computed(
        fill_slot,
        requires={"profile_id": "p.profile_id"},
        arguments=[argument("slot", str, "Name of the place to fill."), ACCOUNT],
        description="What to show the person in a slot; within the account, or where the person was last active.",
    )
    personalisations: list[Personalisation | None] = computed(
        fill_slots,
        requires={"profile_id": "p.profile_id"},
        arguments=[argument("slots", list[str], "Names of the places to fill, 50 at most."), ACCOUNT],
        description="What to show the person in several slots at once, in the order asked for; null: nothing.",
    )
