"""Filters of the buyer-intent panel: of a person, of a person within one account, of an account."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.unset import UNSET

from cdp.graphql.declared import like, like_rows
from cdp.graphql.facts import LEVEL_BANDS
from cdp.graphql.intent import UNFILLED, IntentView, Money, Purchases, Signal, StageVisit
from cdp.graphql.operators import (
    DateFilter,
    DateTimeFilter,
    DecimalFilter,
    IntentLevelFilter,
    IntFilter,
    RangeFilter,
    StageFilter,
    TextFilter,
)
from cdp.graphql.scores import ScoreContribution
from cdp.plan.filters import Banded, compares, condition, within
from cdp.plan.moment import Moment


def quantified(words: str) -> Any:
    """A field of `some`, `every`, `none`."""
    return strawberry.field(default=UNSET, description=words)


OF_SOME, OF_EVERY, OF_NONE = "Of at least one.", "Of each of them.", "Of none of them."


def rank_of(value: Any, moment: Moment) -> float:
    """The stored rank of a score."""
    return moment.rank_of(value)


def _day(value: Any, _moment: Moment) -> str:
    # Renewal dates are kept as they were sent, so that one which no calendar has is no error.
    return str(value.isoformat())


@strawberry.input(description="What must hold of visits to a stage of the buying journey.")
class StageVisitFilter:
    """Of one stage."""

    stage: StageFilter | None = like(StageVisit, "stage", "buying_stage")
    count: IntFilter | None = like(StageVisit, "count", "int8")
    first_at: DateTimeFilter | None = like(StageVisit, "first_at", "timestamptz")
    last_at: DateTimeFilter | None = like(StageVisit, "last_at", "timestamptz")


@strawberry.input(description="What must hold of some, of every or of no stage that was visited.")
class JourneyFilter:
    """Of all visited stages."""

    some: StageVisitFilter | None = quantified(OF_SOME)
    every: StageVisitFilter | None = quantified(OF_EVERY)
    none: StageVisitFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of one kind of intent evidence.")
class SignalFilter:
    """Of one signal."""

    name: TextFilter | None = like(Signal, "name")
    count: IntFilter | None = like(Signal, "count", "int8")
    first_at: DateTimeFilter | None = like(Signal, "first_at", "timestamptz")
    last_at: DateTimeFilter | None = like(Signal, "last_at", "timestamptz")
    weight: RangeFilter | None = like(Signal, "weight", "float8")


@strawberry.input(description="What must hold of some, of every or of no signal that was seen.")
class SignalsFilter:
    """Of all signals."""

    some: SignalFilter | None = quantified(OF_SOME)
    every: SignalFilter | None = quantified(OF_EVERY)
    none: SignalFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of the total in one currency.")
class MoneyFilter:
    """Of one total."""

    currency: TextFilter | None = like(Money, "currency")
    amount: DecimalFilter | None = like(Money, "amount", "numeric")


@strawberry.input(description="What must hold of some, of every or of no currency's total.")
class TotalsFilter:
    """Of all totals."""

    some: MoneyFilter | None = quantified(OF_SOME)
    every: MoneyFilter | None = quantified(OF_EVERY)
    none: MoneyFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of orders and contracts.")
class PurchasesFilter:
    """Of what was bought."""

    count: IntFilter | None = like(Purchases, "count", "int8")
    totals: TotalsFilter | None = like_rows(Purchases, "totals")
    first_at: DateTimeFilter | None = like(Purchases, "first_at", "timestamptz")
    last_at: DateTimeFilter | None = like(Purchases, "last_at", "timestamptz")
    renewal_date: DateFilter | None = like(Purchases, "renewal_date", "text", _day)


@strawberry.input(description="What must hold of points that a plugin adds.")
class ContributionFilter:
    """Of one contribution."""

    name: TextFilter | None = like(ScoreContribution, "name")
    points: RangeFilter | None = like(ScoreContribution, "points", "float8")
    source: TextFilter | None = like(ScoreContribution, "source")
    since: DateTimeFilter | None = like(ScoreContribution, "since", "timestamptz")
    until: DateTimeFilter | None = like(ScoreContribution, "until", "timestamptz")


@strawberry.input(description="What must hold of some, of every or of no contribution of plugins.")
class ContributionsFilter:
    """Of all contributions."""

    some: ContributionFilter | None = quantified(OF_SOME)
    every: ContributionFilter | None = quantified(OF_EVERY)
    none: ContributionFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of a buyer-intent view.")
class BuyerIntentFilter:
    """Of buyer intent."""

    score: RangeFilter | None = compares(
        "{row}.intent_rank", sql_type="float8", convert=rank_of, description="The score today."
    )
    level: IntentLevelFilter | None = condition(Banded(bands=LEVEL_BANDS), "The level.")
    stage: StageFilter | None = like(IntentView, "stage", "buying_stage")
    furthest_stage: StageFilter | None = like(IntentView, "furthest_stage", "buying_stage")
    journey: JourneyFilter | None = like_rows(IntentView, "journey")
    signals: SignalsFilter | None = like_rows(IntentView, "signals")
    purchases: PurchasesFilter | None = within(description="Orders and contracts.")
    purchase_count: IntFilter | None = compares(
        "{row}.purchase_count",
        sql_type="int8",
        description="How many purchases count; as `purchases: {count: …}`.",
    )
    last_purchase_at: DateTimeFilter | None = compares(
        "{row}.last_purchase_at",
        sql_type="timestamptz",
        description="The last purchase; as `purchases: {lastAt: …}`.",
    )
    last_signal_at: DateTimeFilter | None = compares(
        "{row}.intent_last_at", sql_type="timestamptz", description="The last sign of intent."
    )
    plugin_points: RangeFilter | None = like(IntentView, "plugin_points", "float8")
    contributions: ContributionsFilter | None = like_rows(IntentView, "contributions")


@strawberry.input(description="What must hold of an account's buyer-intent view.")
class AccountBuyerIntentFilter(BuyerIntentFilter):
    """Of an account."""

    unfilled_roles: TextFilter | None = compares(
        "buying.role", source=UNFILLED, description="A buying role that a purchase needs and nobody holds."
    )
