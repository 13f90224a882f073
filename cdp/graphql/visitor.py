"""The visitor: what a browser may read of the one person that its token proves, and nothing else.

Every type here is the visitor's own: nothing that is added to what teams see of people appears by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from cdp.access.principals import Principal, PrincipalKind
from cdp.access.scopes import Scope, Scopes
from cdp.errors import Forbidden
from cdp.graphql.context import Context
from cdp.graphql.declared import declared_by, described, sql_of
from cdp.graphql.facts import OF_PERSON, WORKSPACE_WINDOW, shown
from cdp.graphql.intent import IntentView, Purchases
from cdp.graphql.paging import top
from cdp.graphql.personalisation import Personalisation, fill_for
from cdp.graphql.profiles import PROFILES
from cdp.graphql.usage import FeatureUse, Onboarding, OnboardingStep, UsageView
from cdp.identity.kinds import ANONYMOUS_ID
from cdp.model import IntentLevel, Stage, UsagePhase
from cdp.plan.fields import Found, Nested, argument, column, computed, planned
from cdp.plan.labels import VISITOR

ROOT = "visitor"
"""The one field of the roots that a visitor's token opens."""

_ON_BEHALF: Scopes = frozenset({Scope.PROFILES_READ, Scope.INTENT_READ, Scope.USAGE_READ})
"""What is looked at to choose what a visitor is shown; of it, the visitor sees the choice."""

# Only what no one but the browser knows is a browser's: others know the ids of devices.
_OWN = (
    "p.profile_id = (SELECT cdp.visitor_profile($1, {visitor_kind}, {visitor_value},"
    f" ARRAY['{ANONYMOUS_ID}']))"
)


def check_visitor(principal: Principal | None, root_names: frozenset[str]) -> None:
    """See that a visitor asks for nothing but the visitor, whatever else there is and plugins add.

    Raises:
        Forbidden: something else is asked for; the message names one of it.
    """
    if principal is None or principal.kind is not PrincipalKind.VISITOR:
        return
    for name in sorted(root_names):
        if name != ROOT and not name.startswith("__"):
            raise Forbidden(f"A visitor token opens `{ROOT}` alone, and not `{name}`.")


def _same(type_: type, name: str, **more: Any) -> Any:
    """A scalar as the team's type has it."""
    return column(sql_of(type_, name), description=described(type_, name), **more)


@strawberry.type(description="The visitor's own buying journey.")
class VisitorIntent:
    """Of the buyer-intent panel, what tells nothing of how people are judged by plugins and against each other."""

    score: float = _same(IntentView, "score")
    level: IntentLevel = _same(IntentView, "level")
    stage: Stage | None = _same(IntentView, "stage")
    furthest_stage: Stage | None = _same(IntentView, "furthest_stage")
    purchase_count: int = column(
        sql_of(Purchases, "count"), description="How many orders and contracts count."
    )
    last_purchase_at: datetime | None = column(
        sql_of(Purchases, "last_at"), description="When the last of them was made."
    )
    as_of: datetime = _same(IntentView, "as_of")


@strawberry.type(description="The visitor's own use of one feature.")
class VisitorFeature:
    """One feature."""

    key: str = _same(FeatureUse, "key")
    name: str | None = _same(FeatureUse, "name")
    count: int = _same(FeatureUse, "count")
    last_at: datetime = _same(FeatureUse, "last_at")


@strawberry.type(description="A step of the visitor's own onboarding.")
class VisitorStep:
    """One step."""

    name: str = _same(OnboardingStep, "name")
    done_at: datetime | None = _same(OnboardingStep, "done_at")


@strawberry.type(description="The visitor's own use of the product.")
class VisitorUsage:
    """Of the usage panel, what concerns the product; not what the visitor told or asked the support."""

    phase: UsagePhase = _same(UsageView, "phase")
    adoption_rate: float | None = _same(UsageView, "adoption_rate")
    active_days: int = _same(UsageView, "active_days")
    stickiness: float = _same(UsageView, "stickiness")
    features: list[VisitorFeature] = planned(
        declared_by(UsageView, "features"),
        arguments=[top("features")],
        description=described(UsageView, "features"),
    )
    steps_done: int = _same(Onboarding, "steps_done")
    steps_defined: int | None = _same(Onboarding, "steps_defined")
    steps: list[VisitorStep] = planned(
        declared_by(Onboarding, "steps"), description=described(Onboarding, "steps")
    )
    last_used_at: datetime | None = _same(UsageView, "last_used_at")
    as_of: datetime = _same(UsageView, "as_of")


@strawberry.type(description="What to show the visitor in a slot.")
class VisitorPersonalisation:
    """A choice, without what it was made from and what else there was."""

    slot: str = strawberry.field(description="The slot that was asked for.")
    variant: str = strawberry.field(
        description="Name of the variant, for the frontend; `fallback` or `holdout` where that is the slot's fallback."
    )
    content: JSON = strawberry.field(description="Content of the variant, or the slot's fallback.")
    tracking: JSON | None = strawberry.field(
        description="What to track once the visitor has seen it: `event` and `properties` of a track call. Null "
        "without consent."
    )

    @classmethod
    def of(cls, choice: Personalisation) -> VisitorPersonalisation:
        """As the visitor sees it."""
        return cls(slot=choice.slot, variant=choice.variant, content=choice.content, tracking=choice.tracking)


async def _fill_slot(
    context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> Sequence[VisitorPersonalisation | None]:
    return [one for (one,) in await _filled(context, parents, [arguments["slot"]])]


async def _fill_slots(
    context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> Sequence[Sequence[VisitorPersonalisation | None]]:
    return await _filled(context, parents, arguments["slots"])


async def _filled(
    context: Context, parents: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[list[VisitorPersonalisation | None]]:
    """With what the visitor is shown; chosen from both panels, as on the visitor's behalf a team's server would."""
    filled = await fill_for(context, parents, names, None, granted=_ON_BEHALF)
    return [
        [VisitorPersonalisation.of(one) if one is not None else None for one in of_one] for of_one in filled
    ]


@strawberry.type(description="The visitor whom a token proves: what is the visitor's own.")
class Visitor:
    """One person, to that person."""

    buyer_intent: VisitorIntent = planned(
        Nested(names=shown(OF_PERSON)), description="The visitor's own buying journey."
    )
    usage: VisitorUsage = planned(
        Nested(names={**shown(OF_PERSON), **WORKSPACE_WINDOW}),
        description="The visitor's own use of the product, in the workspace's window.",
    )
    personalisation: VisitorPersonalisation | None = computed(
        _fill_slot,
        requires={"profile_id": "p.profile_id"},
        arguments=[argument("slot", str, "Name of the place to fill.")],
        description="What to show the visitor in a slot; null: nothing.",
    )
    personalisations: list[VisitorPersonalisation | None] = computed(
        _fill_slots,
        requires={"profile_id": "p.profile_id"},
        arguments=[argument("slots", list[str], "Names of the places to fill, 50 at most.")],
        description="What to show the visitor in several slots at once, in the order asked for; null: nothing.",
    )


@strawberry.type
class VisitorQuery:
    """The visitor's field of Query."""

    visitor: Visitor | None = planned(
        Found(entity=lambda: PROFILES, where=lambda scope, _given, _scopes: scope.sql(_OWN), labels=VISITOR),
        description="The visitor whose token asks; it takes a visitor token, which opens nothing else. Null where the "
        "visitor was not seen yet, or where what was seen may be another's: nobody reads what names somebody on the "
        "word of a browser or a page.",
    )
