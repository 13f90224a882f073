"""Every scalar of people, memberships and accounts, how it is filtered and sorted by, and what needs neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)
from msgspec import Struct

from cdp.graphql.schema import build_schema
from cdp.plan.fields import Computed, Connected, declaration_of
from cdp.plan.filters import CONDITION
from cdp.plan.labels import Labels

SCHEMA = build_schema().graphql_schema
ENTITIES = {"Profile": "profiles", "Membership": "memberships", "Account": "accounts"}

UNFILTERED = {
    "the moment of asking": ("asOf",),
    "a setting of the workspace": ("stepsDefined",),
    "prose, and its figures": ("reason", "facts"),
    "by `members` and their roles, which say the same": ("committee",),
    "a thing by itself, with its own source": ("enrichment",),
    "by `roles`, source by source": ("heldRoles.sources",),
    "a membership is found by its person and its account": ("Membership.id",),
    "a trait that a plugin shows as a field, by `traits`": ("Account.owner",),
}
"""Reason → names of fields, or Type.field, that no filter knows."""

UNSORTED = {
    **UNFILTERED,
    "an id has no order of its own": ("id",),
    "what another key is of": ("signals.name", "features.name", "features.key", "totals.currency"),
    "a yes or no: filter by it": ("own", "productQualified"),
    "a word without an order": ("kind", "alignment"),
    "several at once, none of them first": (
        "identifiers",
        "roles",
        "heldRoles",
        "journey",
        "unfilledRoles",
        "steps",
        "contributions",
        "influenceContributions",
    ),
    "in the same order as the score": ("level", "alignmentFigures.intentScore"),
    "in the same order as active days": ("stickiness",),
    "by a window, as days of one feature": ("features.activeDays",),
    "the order of purchases is there": ("alignmentFigures.purchases",),
    "the order of active people is there": ("seats.active",),
}

SORTED_BY = {
    "createdAt": "CREATED_AT", "displayName": "DISPLAY_NAME", "firstSeenAt": "FIRST_SEEN_AT",
    "lastSeenAt": "LAST_SEEN_AT", "name": "NAME", "domain": "DOMAIN", "groupId": "GROUP_ID",
    "traits": "TRAIT_TEXT", "since": "SINCE", "until": "UNTIL", "influence": "INFLUENCE",
    "influencePoints": "INFLUENCE_POINTS", "buyerIntent.pluginPoints": "INTENT_POINTS",
    "usage.pluginPoints": "USAGE_POINTS",
    "buyerIntent.score": "INTENT_SCORE", "buyerIntent.stage": "STAGE",
    "buyerIntent.furthestStage": "FURTHEST_STAGE", "buyerIntent.signals.count": "SIGNAL_COUNT",
    "buyerIntent.signals.weight": "SIGNAL_WEIGHT", "buyerIntent.signals.firstAt": "SIGNAL_FIRST_AT",
    "buyerIntent.signals.lastAt": "SIGNAL_LAST_AT", "buyerIntent.purchases.count": "PURCHASE_COUNT",
    "buyerIntent.purchases.totals.amount": "PURCHASE_TOTAL",
    "buyerIntent.purchases.firstAt": "FIRST_PURCHASE_AT", "buyerIntent.purchases.lastAt": "LAST_PURCHASE_AT",
    "buyerIntent.purchases.renewalDate": "RENEWAL_DATE",
    "usage.phase": "PHASE", "usage.activeDays": "ACTIVE_DAYS", "usage.adoptionRate": "ADOPTION_RATE",
    "usage.lastUsedAt": "LAST_USED_AT", "usage.features.count": "FEATURE_COUNT",
    "usage.features.firstAt": "FEATURE_FIRST_AT", "usage.features.lastAt": "FEATURE_LAST_AT",
    "usage.onboarding.stepsDone": "ONBOARDING_STEPS_DONE",
    "usage.onboarding.timeToActivation": "TIME_TO_ACTIVATION",
    "usage.support.opened": "TICKETS_OPENED", "usage.support.closed": "TICKETS_CLOSED",
    "usage.support.open": "TICKETS_OPEN", "usage.training.started": "COURSES_STARTED",
    "usage.training.done": "COURSES_DONE", "usage.satisfaction.nps": "NPS",
    "usage.satisfaction.npsAt": "NPS_AT", "usage.satisfaction.csat": "CSAT",
    "usage.satisfaction.csatAt": "CSAT_AT", "usage.activePeople.daily": "ACTIVE_PEOPLE_DAILY",
    "usage.activePeople.weekly": "ACTIVE_PEOPLE_WEEKLY", "usage.activePeople.monthly": "ACTIVE_PEOPLE_MONTHLY",
    "usage.seats.licensed": "SEATS_LICENSED", "alignmentFigures.people": "PEOPLE",
    "alignmentFigures.buyers": "BUYERS", "alignmentFigures.activePeople": "ACTIVE_PEOPLE",
    "alignmentFigures.pastPeople": "PAST_PEOPLE",
}  # fmt: skip
"""Path of a field → sort key."""

ONLY_SORTED = {
    "TRAIT_NUMBER",
    "LAST_SIGNAL_AT",
    "FIRST_USED_AT",
    "ACTIVATED_AT",
    "PERSON_NAME",
    "ACCOUNT_NAME",
}
"""Keys that no field shows by itself."""


class Scalar(Struct, frozen=True, kw_only=True):
    """One scalar of an entity."""

    entity: str
    steps: tuple[str, ...]
    lists: tuple[bool, ...]
    """Whether the step is a list of objects."""
    type_name: str
    labels: Labels

    @property
    def path(self) -> str:
        """Steps, joined."""
        return ".".join(self.steps)

    def is_in(self, names: dict[str, tuple[str, ...]]) -> bool:
        """Whether one of these names means it: a field anywhere in it, its whole path or its end."""
        known = {name for some in names.values() for name in some}
        ends = {".".join(self.steps[at:]) for at in range(len(self.steps))}
        return bool(known & {*self.steps, *ends, f"{self.entity}.{self.path}"})

    @property
    def selection(self) -> str:
        """What asks for it."""
        return " { ".join(self.steps) + " }" * (len(self.steps) - 1)

    def filter_of(self, operators: Any) -> dict[str, Any]:
        """The filter that holds its operators."""
        found = operators
        for step, is_list in zip(reversed(self.steps), reversed(self.lists), strict=True):
            found = {step: {"some": found} if is_list else found}
        return found  # type: ignore[no-any-return]


def scalars() -> Iterator[Scalar]:
    """All scalars of the three entities, and of what they hold that is no entity itself."""
    for entity in ENTITIES:
        type_ = SCHEMA.type_map[entity]
        assert isinstance(type_, GraphQLObjectType)
        yield from _scalars(entity, type_, (), (), frozenset())


def _scalars(
    entity: str, type_: GraphQLObjectType, steps: tuple[str, ...], lists: tuple[bool, ...], labels: Labels
) -> Iterator[Scalar]:
    for name, field in type_.fields.items():
        declared = declaration_of(field)
        named = get_named_type(field.type)
        if declared is None or isinstance(declared, (Computed, Connected)) or named.name in ENTITIES:
            continue
        here = (entity, (*steps, name), labels | declared.labels)
        if is_leaf_type(named):
            yield Scalar(
                entity=entity, steps=here[1], lists=(*lists, False), type_name=named.name, labels=here[2]
            )
        else:
            assert isinstance(named, GraphQLObjectType)
            is_list = isinstance(_nullable(field.type), GraphQLList)
            yield from _scalars(entity, named, here[1], (*lists, is_list), here[2])


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def operators_of(scalar: Scalar) -> tuple[GraphQLInputObjectType, Labels] | None:
    """The operators that filters have on a scalar, and what it takes to use them; None: there are none."""
    type_ = SCHEMA.type_map[f"{scalar.entity}Filter"]
    labels: Labels = frozenset()
    for step, is_list in zip(scalar.steps, scalar.lists, strict=True):
        assert isinstance(type_, GraphQLInputObjectType)
        field = type_.fields.get(step)
        if field is None:
            return None
        labels |= getattr(
            field.extensions["strawberry-definition"].metadata[CONDITION], "labels", frozenset()
        )
        type_ = get_named_type(field.type)
        if is_list:
            assert isinstance(type_, GraphQLInputObjectType)
            type_ = get_named_type(type_.fields["some"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    return type_, labels
