"""Filters of the usage panel, by the workspace's own window: of a person, within one account, of an account."""

from __future__ import annotations

import strawberry

from cdp.graphql.declared import described, like, like_rows
from cdp.graphql.facts import ADOPTION, PHASE
from cdp.graphql.intent_filters import OF_EVERY, OF_NONE, OF_SOME, ContributionsFilter, quantified
from cdp.graphql.operators import (
    DateTimeFilter,
    DurationFilter,
    IntFilter,
    PhaseFilter,
    RangeFilter,
    TextFilter,
)
from cdp.graphql.usage import (
    TIME_TO_ACTIVATION,
    ActivePeople,
    FeatureUse,
    Onboarding,
    OnboardingStep,
    Satisfaction,
    Seats,
    Support,
    Training,
    UsageView,
)
from cdp.plan.filters import compares, within


@strawberry.input(description="What must hold of the use of one feature.")
class FeatureUseFilter:
    """Of one feature."""

    key: TextFilter | None = like(FeatureUse, "key")
    name: TextFilter | None = like(FeatureUse, "name")
    count: IntFilter | None = like(FeatureUse, "count", "int8")
    first_at: DateTimeFilter | None = like(FeatureUse, "first_at", "timestamptz")
    last_at: DateTimeFilter | None = like(FeatureUse, "last_at", "timestamptz")
    active_days: IntFilter | None = like(FeatureUse, "active_days", "int8")


@strawberry.input(description="What must hold of some, of every or of no feature that was used.")
class FeatureUsesFilter:
    """Of all features that were used."""

    some: FeatureUseFilter | None = quantified(OF_SOME)
    every: FeatureUseFilter | None = quantified(OF_EVERY)
    none: FeatureUseFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of a step of onboarding.")
class OnboardingStepFilter:
    """Of one step."""

    name: TextFilter | None = like(OnboardingStep, "name")
    done_at: DateTimeFilter | None = like(OnboardingStep, "done_at", "timestamptz")


@strawberry.input(
    description="What must hold of some, of every or of no step: of those defined, or else done."
)
class OnboardingStepsFilter:
    """Of all steps."""

    some: OnboardingStepFilter | None = quantified(OF_SOME)
    every: OnboardingStepFilter | None = quantified(OF_EVERY)
    none: OnboardingStepFilter | None = quantified(OF_NONE)


@strawberry.input(description="What must hold of onboarding.")
class OnboardingFilter:
    """Of onboarding."""

    steps_done: IntFilter | None = like(Onboarding, "steps_done", "int8")
    steps: OnboardingStepsFilter | None = like_rows(Onboarding, "steps")
    time_to_activation: DurationFilter | None = compares(
        TIME_TO_ACTIVATION, sql_type="interval", description=described(Onboarding, "time_to_activation")
    )


@strawberry.input(description="What must hold of support tickets.")
class SupportFilter:
    """Of tickets."""

    opened: IntFilter | None = like(Support, "opened", "int8")
    closed: IntFilter | None = like(Support, "closed", "int8")
    open: IntFilter | None = like(Support, "open", "int8")


@strawberry.input(description="What must hold of courses.")
class TrainingFilter:
    """Of courses."""

    started: IntFilter | None = like(Training, "started", "int8")
    done: IntFilter | None = like(Training, "done", "int8")


@strawberry.input(description="What must hold of the latest answers on satisfaction.")
class SatisfactionFilter:
    """Of the latest answers."""

    nps: RangeFilter | None = like(Satisfaction, "nps", "float8")
    nps_at: DateTimeFilter | None = like(Satisfaction, "nps_at", "timestamptz")
    csat: RangeFilter | None = like(Satisfaction, "csat", "float8")
    csat_at: DateTimeFilter | None = like(Satisfaction, "csat_at", "timestamptz")


@strawberry.input(description="What must hold of a usage view, by the workspace's own window.")
class UsageFilter:
    """Of usage."""

    phase: PhaseFilter | None = compares(PHASE, description="The phase.")
    stickiness: RangeFilter | None = compares(
        "{active_days}::float8 / {window}",
        sql_type="float8",
        description="Active days ÷ days of the window.",
    )
    active_days: IntFilter | None = compares(
        "{active_days}", sql_type="int8", description="Distinct days with usage in the window."
    )
    adoption_rate: RangeFilter | None = compares(
        ADOPTION,
        sql_type="float8",
        description="Features used in the window ÷ features that the workspace defines; without any, nobody is found.",
    )
    features: FeatureUsesFilter | None = like_rows(UsageView, "features")
    onboarding: OnboardingFilter | None = within(description="How far onboarding has come.")
    support: SupportFilter | None = within(description="Support tickets.")
    training: TrainingFilter | None = within(description="Courses.")
    satisfaction: SatisfactionFilter | None = within(description="How content they say they are.")
    first_used_at: DateTimeFilter | None = compares(
        "{row}.usage_first_at", sql_type="timestamptz", description="The first usage."
    )
    last_used_at: DateTimeFilter | None = like(UsageView, "last_used_at", "timestamptz")
    activated_at: DateTimeFilter | None = compares(
        "{row}.activated_at", sql_type="timestamptz", description="The activation."
    )
    plugin_points: RangeFilter | None = like(UsageView, "plugin_points", "float8")
    contributions: ContributionsFilter | None = like_rows(UsageView, "contributions")


@strawberry.input(description="What must hold of how many different people use it.")
class ActivePeopleFilter:
    """Of people, not logins."""

    daily: IntFilter | None = like(ActivePeople, "daily", "int8")
    weekly: IntFilter | None = like(ActivePeople, "weekly", "int8")
    monthly: IntFilter | None = like(ActivePeople, "monthly", "int8")


@strawberry.input(description="What must hold of seats.")
class SeatsFilter:
    """Of licences."""

    licensed: IntFilter | None = like(Seats, "licensed", "int8")
    active: IntFilter | None = like(Seats, "active", "int8")


@strawberry.input(description="What must hold of an account's usage view, by the workspace's own window.")
class AccountUsageFilter(UsageFilter):
    """Of an account."""

    active_people: ActivePeopleFilter | None = within(description="How many different people use it.")
    seats: SeatsFilter | None = within(description="Seats paid for against people who use them.")
