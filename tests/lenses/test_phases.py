from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cdp.lenses.phases import (
    Alignment,
    AlignmentFigures,
    active_days,
    adoption_rate,
    alignment,
    influence,
    level,
    phase,
    product_qualified,
    score,
    stickiness,
)
from cdp.model import IntentLevel, UsagePhase, WorkspaceSettings

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = WorkspaceSettings()


def ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


def days(*numbers: int) -> list[date]:
    return sorted(AS_OF.date() - timedelta(days=number) for number in numbers)


NOTHING: dict[str, Any] = {
    "used_days": [],
    "feature_last": {},
    "activated_at": None,
    "last_used_at": None,
    "settings": SETTINGS,
    "as_of": AS_OF,
}
THREE = {key: ago(1) for key in "abc"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, UsagePhase.NONE),
        (
            {"last_used_at": ago(28.01), "used_days": days(*range(40)), "feature_last": THREE},
            UsagePhase.DORMANT,
        ),
        ({"last_used_at": ago(28), "used_days": days(28)}, UsagePhase.ONBOARDING),
        ({"last_used_at": ago(0), "used_days": days(*range(12))}, UsagePhase.HABITUAL),
        ({"last_used_at": ago(0), "used_days": days(*range(17, 29))}, UsagePhase.ONBOARDING),
        ({"last_used_at": ago(0), "feature_last": THREE, "activated_at": ago(9)}, UsagePhase.ADOPTING),
        (
            {"last_used_at": ago(0), "feature_last": THREE | {"c": ago(28)}, "activated_at": ago(9)},
            UsagePhase.ACTIVATED,
        ),
        ({"last_used_at": ago(0), "activated_at": ago(300)}, UsagePhase.ACTIVATED),
        ({"last_used_at": ago(0)}, UsagePhase.ONBOARDING),
    ],
)
def test_the_phase_is_the_first_whose_bar_is_passed(given: dict[str, Any], expected: UsagePhase) -> None:
    assert phase(**(NOTHING | given)) is expected


def test_the_window_is_whole_days_that_end_today() -> None:
    assert active_days(days(0, 27, 28, 400), as_of=AS_OF, window_days=28) == 2
    assert stickiness(days(0, 1, 2, 3, 4, 5, 6), as_of=AS_OF, window_days=28) == 0.25


def test_adoption_counts_the_features_of_the_catalogue_alone() -> None:
    """A feature that is used but not defined adds nothing; without a catalogue there is no rate."""
    last = {"a": ago(1), "b": ago(27.4), "c": ago(28), "undefined": ago(0)}
    assert adoption_rate(last, ["a", "b", "c", "d"], as_of=AS_OF, window_days=28) == 0.5
    assert adoption_rate(last, [], as_of=AS_OF, window_days=28) is None


@pytest.mark.parametrize(
    ("points", "expected"),
    [(0, IntentLevel.COLD), (9.999, IntentLevel.COLD), (10, IntentLevel.WARM), (40, IntentLevel.HOT)],
)
def test_the_level_follows_the_thresholds(points: float, expected: IntentLevel) -> None:
    assert level(points, SETTINGS) is expected


def test_a_score_halves_in_every_half_life() -> None:
    scores = [
        score(20.0, epoch=AS_OF, half_life_days=14, as_of=AS_OF + timedelta(days=n)) for n in (0, 14, 28)
    ]
    assert scores == [20.0, 10.0, 5.0]
    assert score(1.0, epoch=AS_OF, half_life_days=3, as_of=AS_OF + timedelta(days=100_000)) == 0.0


@pytest.mark.parametrize(("weight", "expected"), [(0.0, 0.0), (3.0, 0.230769), (10.0, 0.5), (1e30, 1.0)])
def test_influence_saturates(weight: float, expected: float) -> None:
    assert influence(weight) == expected


@pytest.mark.parametrize(
    ("active", "buyers", "purchases", "expected"),
    [
        (3, 1, 0, Alignment.ALIGNED),
        (3, 0, 2, Alignment.ALIGNED),
        (3, 0, 0, Alignment.USERS_WITHOUT_BUYER),
        (0, 1, 0, Alignment.DORMANT),
        (0, 0, 1, Alignment.BUYER_WITHOUT_USERS),
        (0, 0, 0, Alignment.DORMANT),
    ],
)
def test_alignment_says_what_an_account_needs(
    active: int, buyers: int, purchases: int, expected: Alignment
) -> None:
    figures = AlignmentFigures(
        people=4, active_people=active, buyers=buyers, purchases=purchases, intent_score=0.0
    )
    assert alignment(figures) is expected


@pytest.mark.parametrize(
    ("adoption", "reached", "points", "expected"),
    [
        (0.5, UsagePhase.ADOPTING, 39.9, True),
        (0.49, UsagePhase.ADOPTING, 0.0, False),
        (None, UsagePhase.HABITUAL, 0.0, True),
        (1.0, UsagePhase.HABITUAL, 40.0, False),
    ],
)
def test_product_qualified_is_usage_above_the_bar_while_intent_is_low(
    adoption: float | None, reached: UsagePhase, points: float, expected: bool
) -> None:
    assert product_qualified(adoption=adoption, phase=reached, score=points, settings=SETTINGS) is expected
