"""What the figures of a row mean: phase, adoption, level, influence, alignment, product-qualified.

All of it is pure arithmetic over the columns of a profile or a membership (`used_days`, `feature_last`, `activated_at`,
`last_used_at`, `intent_rank`, `influence_rank`), so that the planner can say the same in SQL. The window of n days is
the n calendar days, in UTC, that end with the day of `as_of`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model import IntentLevel, UsagePhase, WorkspaceSettings

INFLUENCE_HALF = 10.0
"""The decayed influence weight at which Membership.influence is one half: about three fresh invitations."""


class Alignment(StrEnum):
    """Whether an account's buyers and users belong together."""

    ALIGNED = "ALIGNED"
    USERS_WITHOUT_BUYER = "USERS_WITHOUT_BUYER"
    BUYER_WITHOUT_USERS = "BUYER_WITHOUT_USERS"
    DORMANT = "DORMANT"


class AlignmentFigures(Struct, frozen=True, kw_only=True):
    """What alignment is decided from; all over the people who are in the account today."""

    people: int
    active_people: int
    """People with usage in the window."""
    buyers: int
    """People with a purchase, or with the role ECONOMIC_BUYER."""
    purchases: int
    """Orders and contracts that count."""
    intent_score: float
    """Sum of the people's scores."""


def window_start(as_of: datetime, window_days: int) -> date:
    """The first day of the window: `as_of`'s day less `window_days` − 1."""
    return as_of.astimezone(UTC).date() - timedelta(days=window_days - 1)


def active_days(used_days: Iterable[date], *, as_of: datetime, window_days: int) -> int:
    """Distinct days with usage in the window."""
    first, last = window_start(as_of, window_days), as_of.astimezone(UTC).date()
    return sum(first <= day <= last for day in used_days)


def stickiness(used_days: Iterable[date], *, as_of: datetime, window_days: int) -> float:
    """Active days ÷ length of the window, 0 to 1."""
    return active_days(used_days, as_of=as_of, window_days=window_days) / window_days


def features_in_window(
    feature_last: Mapping[str, datetime], *, as_of: datetime, window_days: int
) -> frozenset[str]:
    """Features whose last use is not before the window."""
    first = window_start(as_of, window_days)
    return frozenset(key for key, last in feature_last.items() if last.astimezone(UTC).date() >= first)


def adoption_rate(
    feature_last: Mapping[str, datetime], catalogue: Collection[str], *, as_of: datetime, window_days: int
) -> float | None:
    """Features of the workspace's catalogue used in the window ÷ features in it, rounded to 6 decimals.

    None where the catalogue has none.
    """
    if not catalogue:
        return None
    used = features_in_window(feature_last, as_of=as_of, window_days=window_days)
    return round(len(used.intersection(catalogue)) / len(catalogue), 6)


def phase(
    *,
    used_days: Sequence[date],
    feature_last: Mapping[str, datetime],
    activated_at: datetime | None,
    last_used_at: datetime | None,
    settings: WorkspaceSettings,
    as_of: datetime,
    window_days: int | None = None,
) -> UsagePhase:
    """How far somebody has come: the first of these that holds.

    - NONE: no usage ever;
    - DORMANT: the last use is more than `dormant_days` (28) × 24 hours before `as_of`;
    - HABITUAL: at least `habitual_days` (12) active days in the window (28 days);
    - ADOPTING: at least `adopting_features` (3) different features in the window;
    - ACTIVATED: the activation event happened, or every defined step of onboarding is done (both are `activated_at`);
    - ONBOARDING: any other usage.
    """
    window = window_days or settings.window_days
    if last_used_at is None:
        return UsagePhase.NONE
    if last_used_at < as_of - timedelta(days=settings.dormant_days):
        return UsagePhase.DORMANT
    if active_days(used_days, as_of=as_of, window_days=window) >= settings.habitual_days:
        return UsagePhase.HABITUAL
    if len(features_in_window(feature_last, as_of=as_of, window_days=window)) >= settings.adopting_features:
        return UsagePhase.ADOPTING
    return UsagePhase.ACTIVATED if activated_at is not None else UsagePhase.ONBOARDING


def score(rank: float, *, epoch: datetime, half_life_days: float, as_of: datetime) -> float:
    """The weight today of a stored rank: rank · 2^(−(t − epoch)/half-life), rounded to 6 decimals."""
    return round(rank * decay(epoch=epoch, half_life_days=half_life_days, as_of=as_of), 6)


def decay(*, epoch: datetime, half_life_days: float, as_of: datetime) -> float:
    """2^(−(t − epoch)/half-life): the factor from what is stored to what it is worth at a moment."""
    exponent = (as_of - epoch).total_seconds() / (half_life_days * 86_400.0)
    return float(2.0 ** -max(-1000.0, min(exponent, 1000.0)))


def level(score: float, settings: WorkspaceSettings) -> IntentLevel:
    """HOT from `hot_score` (40), WARM from `warm_score` (10), else COLD."""
    if score >= settings.hot_score:
        return IntentLevel.HOT
    return IntentLevel.WARM if score >= settings.warm_score else IntentLevel.COLD


def influence(weight: float) -> float:
    """How much a member plausibly moves the account's buying, 0 to 1: x/(x + 10) of the decayed influence weight x.

    Inviting and reviewing weigh 3, sharing 2, feedback 1, each halved per half-life: one fresh invitation is 0.23, ten
    are 0.75, and nobody ever reaches 1.
    """
    return round(weight / (weight + INFLUENCE_HALF), 6) if weight > 0 else 0.0


def alignment(figures: AlignmentFigures) -> Alignment:
    """What an account needs.

    - ALIGNED: somebody uses it (in the window), and somebody bought or may buy;
    - USERS_WITHOUT_BUYER: somebody uses it and nobody is there to sell to: expansion;
    - BUYER_WITHOUT_USERS: paid, and nobody uses it: churn risk. Somebody who might buy has not: a prospect is none;
    - DORMANT: neither.
    """
    if figures.active_people > 0:
        has_buyer = figures.buyers > 0 or figures.purchases > 0
        return Alignment.ALIGNED if has_buyer else Alignment.USERS_WITHOUT_BUYER
    return Alignment.BUYER_WITHOUT_USERS if figures.purchases > 0 else Alignment.DORMANT


def product_qualified(
    *, adoption: float | None, phase: UsagePhase, score: float, settings: WorkspaceSettings
) -> bool:
    """Usage passes the bar while intent is still low: worth a salesperson's call.

    The bar is an adoption rate of `qualified_adoption` (0.5), or the phase HABITUAL; intent is low below
    `qualified_score_below` (40, the default of HOT).
    """
    passes = phase is UsagePhase.HABITUAL or (
        adoption is not None and adoption >= settings.qualified_adoption
    )
    return passes and score < settings.qualified_score_below


def feature_times(feature_last: Mapping[str, Any]) -> dict[str, datetime]:
    """The column `feature_last`, decoded: its values are ISO moments."""
    return {key: datetime.fromisoformat(moment) for key, moment in feature_last.items()}
