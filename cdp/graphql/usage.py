"""The usage panel: of a person, of a person within one account, of an account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import strawberry

from cdp.errors import BadInput
from cdp.graphql.facts import ADOPTION, PHASE
from cdp.graphql.paging import top
from cdp.graphql.scores import ScoreContribution, contributions, points
from cdp.model import UsagePhase
from cdp.plan.fields import Given, Names, argument, column, nested, rows, tallied
from cdp.plan.statement import Scope

LONGEST_WINDOW = 400
"""Days; older days of usage are not kept with the profile."""

WINDOW = argument(
    "window",
    timedelta | None,
    "What active days, stickiness, adoption and phase look at: so many days up to today. "
    "Where it is not given, the workspace's own window, which is 28 days unless it sets another.",
    timedelta(days=28),
)


def window(scope: Scope, given: Given) -> Names:
    """`{window}`: the argument in whole days, or the workspace's."""
    leaf = given.get("window")
    if leaf is None or leaf.is_default:
        return {"window": "{window_days}"}
    return {"window": lambda: scope.bind(leaf, "int4", _days)}


def _days(value: Any, _moment: Any) -> int:
    days = -(-value // timedelta(days=1))
    if not 1 <= days <= LONGEST_WINDOW:
        raise BadInput(f"A window has 1 to {LONGEST_WINDOW} days.")
    return int(days)


@strawberry.type(description="The use of one feature.")
class FeatureUse:
    """One feature."""

    key: str = column("s.key", description="How events name it.")
    name: str | None = column(
        "(SELECT g.name FROM feature g WHERE g.workspace_id = $1 AND g.key = s.key)",
        description="How people call it; null for a feature that the workspace has not defined.",
    )
    count: int = column("s.count", description="How often it was used.")
    first_at: datetime = column("s.first_at", description="When it was first used.")
    last_at: datetime = column("s.last_at", description="When it was last used.")
    active_days: int = column(
        "(SELECT count(DISTINCT d.day) FROM {days} AND d.feature = s.key"
        " AND d.day > {today} - {window} AND d.day <= {today})",
        description="Different days in the window on which it was used.",
    )


_STEP_DONE = "{tallies} AND t.kind = 'onboarding'"
TIME_TO_ACTIVATION = (
    "(CASE WHEN {row}.activated_at >= {row}.usage_first_at THEN {row}.activated_at - {row}.usage_first_at"
    " WHEN {row}.activated_at IS NOT NULL THEN interval '0' END)"
)
_COUNTED_STEP = "(cardinality({onboarding_steps}) = 0 OR t.key = ANY({onboarding_steps}))"


@strawberry.type(description="A step of onboarding.")
class OnboardingStep:
    """One step."""

    name: str = column("s.name", description="Name of the step.")
    done_at: datetime | None = column("s.done_at", description="When it was first done; null: not yet.")


@strawberry.type(description="How far onboarding has come.")
class Onboarding:
    """Steps done of steps defined."""

    steps_done: int = column(
        f"(SELECT count(DISTINCT t.key) FROM {_STEP_DONE} AND {_COUNTED_STEP})",
        description="How many different steps are done; of those that the workspace defines, if it does.",
    )
    steps_defined: int | None = column(
        "nullif(cardinality({onboarding_steps}), 0)",
        description="How many steps the workspace defines; null where it defines none.",
    )
    steps: list[OnboardingStep] = rows(
        "(SELECT w.name, w.place, (SELECT min(t.first_at) FROM {tallies} AND t.kind = 'onboarding'"
        " AND t.key = w.name) AS done_at FROM unnest({onboarding_steps}) WITH ORDINALITY AS w (name, place)"
        f" UNION ALL SELECT t.key, NULL, min(t.first_at) FROM {_STEP_DONE}"
        " AND cardinality({onboarding_steps}) = 0 GROUP BY t.key) s",
        order="s.place, s.done_at, s.name",
        description="The defined steps in their order, done or not; without a definition, those that were done.",
    )
    time_to_activation: timedelta | None = column(
        f"'PT' || floor(extract(epoch FROM {TIME_TO_ACTIVATION}))::int8 || 'S'",
        description="From the first usage to the activation; null: not activated.",
    )


def _measured(measure: str, what: str = "coalesce(sum(t.count), 0)") -> str:
    return f"(SELECT {what} FROM {{tallies}} AND t.kind = '{measure}')"


@strawberry.type(description="Support tickets.")
class Support:
    """Tickets."""

    opened: int = column(_measured("TICKET_OPENED"), description="How many were opened.")
    closed: int = column(_measured("TICKET_CLOSED"), description="How many were closed.")
    open: int = column(
        f"greatest({_measured('TICKET_OPENED')} - {_measured('TICKET_CLOSED')}, 0)",
        description="How many are open.",
    )


@strawberry.type(description="Courses.")
class Training:
    """Courses."""

    started: int = column(_measured("TRAINING_STARTED"), description="How many were begun.")
    done: int = column(_measured("TRAINING_COMPLETED"), description="How many were finished.")


def _latest(key: str, what: str) -> str:
    return (
        f"(SELECT {what} FROM {{registers}} AND r.kind = 'satisfaction' AND r.key = '{key}'"
        " AND jsonb_typeof(r.value) = 'number'"
        ' ORDER BY r.occurred_at DESC, r.message_id COLLATE "C" DESC LIMIT 1)'
    )


@strawberry.type(description="How content they say they are; the latest answers.")
class Satisfaction:
    """The latest answers."""

    nps: float | None = column(
        _latest("nps", "r.value::float8"),
        description="Net promoter score, 0 to 10: how likely to recommend it.",
    )
    nps_at: datetime | None = column(_latest("nps", "r.occurred_at"), description="When it was given.")
    csat: float | None = column(
        _latest("csat", "r.value::float8"),
        description="Satisfaction score, on the scale that the events use.",
    )
    csat_at: datetime | None = column(_latest("csat", "r.occurred_at"), description="When it was given.")


@strawberry.type
class UsageView:
    """What every usage view has; not a type of the schema itself."""

    phase: UsagePhase = column(PHASE, description="How far they have come, by the workspace's thresholds.")
    adoption_rate: float | None = column(
        ADOPTION,
        description="Features used in the window ÷ features that the workspace defines; null where it defines none.",
    )
    active_days: int = column("{active_days}", description="Different days with usage in the window.")
    stickiness: float = column(
        "round({active_days}::float8 / {window} * 1e6) / 1e6",
        description="Active days ÷ days of the window.",
    )
    features: list[FeatureUse] = tallied(
        "feature",
        order="s.count DESC, s.key",
        unless="coalesce({row}.feature_last, '{}') = '{}'",
        arguments=[top("features")],
        description="Features that were ever used, the most used first.",
    )
    onboarding: Onboarding = nested(description="How far onboarding has come.")
    support: Support = nested(description="Support tickets.")
    training: Training = nested(description="Courses.")
    satisfaction: Satisfaction = nested(description="How content they say they are.")
    last_used_at: datetime | None = column("{row}.last_used_at", description="The last usage.")
    plugin_points: float = points("USAGE")
    contributions: list[ScoreContribution] = contributions("USAGE")
    as_of: datetime = column("{as_of}", description="The moment of which this view is.")


@strawberry.type(description="The usage panel of a person, over all accounts or within one.")
class Usage(UsageView):
    """Of a person."""


def _people_active(days: str) -> str:
    return (
        "(SELECT count(*) FROM membership m WHERE m.workspace_id = $1 AND m.account_id = a.account_id"
        f" AND EXISTS (SELECT FROM unnest(m.used_days) AS u (day)"
        f" WHERE u.day > {{today}} - {days} AND u.day <= {{today}}))"
    )


@strawberry.type(description="How many different people use it.")
class ActivePeople:
    """People, not logins."""

    daily: int = column(_people_active("1"), description="Today (UTC).")
    weekly: int = column(_people_active("7"), description="In the last 7 days.")
    monthly: int = column(_people_active("30"), description="In the last 30 days.")


@strawberry.type(description="Seats paid for against people who use them.")
class Seats:
    """Licences."""

    licensed: int | None = column(
        "(SELECT s.seats_licensed FROM account s WHERE s.workspace_id = $1 AND s.account_id = a.account_id)",
        description="How many are paid for; null: not known.",
    )
    active: int = column(_people_active("{window}"), description="People with usage in the window.")


@strawberry.type(description="The usage panel of an account, over all its people.")
class AccountUsage(UsageView):
    """Of an account."""

    active_people: ActivePeople = nested(description="How many different people use it.")
    seats: Seats = nested(description="Seats paid for against people who use them.")
