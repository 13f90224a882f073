"""Points by rules of thumb, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdp.hooks.answers import score_contributions
from cdp.model import FeatureUseFacts, IntentFacts, Measure, UsageFacts
from diptych_scoring import ScoringSettings, score_influence, score_intent, score_usage
from tests.plugins.people import NOW, person, signal, usage

SETTINGS = ScoringSettings()


def features(count: int) -> tuple[FeatureUseFacts, ...]:
    return tuple(FeatureUseFacts(feature=f"f{n}", count=1, first_at=NOW, last_at=NOW) for n in range(count))


def test_many_kinds_of_interest_count_until_the_oldest_is_too_old() -> None:
    """Two are not many; those of long ago do not count; the workspace says what long ago is."""
    kinds = [signal(name, days_ago=ago) for name, ago in (("a", 1), ("b", 9), ("c", 20), ("d", 40))]
    (one,) = score_intent(person(intent=IntentFacts(signals=tuple(kinds))), SETTINGS)
    assert (one.name, one.points, one.until) == ("breadth", 15.0, NOW + timedelta(days=10))
    assert one.reason == "showed 3 kinds of interest within 30 days"
    assert score_intent(person(intent=IntentFacts(signals=tuple(kinds[:2]))), SETTINGS) == []
    wide = ScoringSettings(days=60, points=2)
    assert score_intent(person(intent=IntentFacts(signals=tuple(kinds))), wide)[0].points == 8.0


def test_learning_and_breadth_add_and_waiting_for_support_takes_away() -> None:
    """Each for itself, and none without bound."""
    busy = usage(3, features=features(4), measures={Measure.TRAINING_COMPLETED: 9, Measure.TICKET_OPENED: 2})
    assert {one.name: one.points for one in score_usage(person(usage=busy), SETTINGS)} == {
        "breadth": 20.0,
        "learning": 30.0,
        "trouble": -20.0,
    }
    calm = usage(3, measures={Measure.TICKET_OPENED: 2, Measure.TICKET_CLOSED: 2})
    assert score_usage(person(usage=calm), SETTINGS) == []


def test_who_brings_others_has_influence() -> None:
    """Up to a bound."""
    bringing = UsageFacts(measures={Measure.INVITE: 2, Measure.REVIEW: 1})
    (one,) = score_influence(person(usage=bringing))
    assert (one.points, one.facts) == (30.0, {"INVITE": 2, "REVIEW": 1})
    assert score_influence(person(usage=UsageFacts(measures={Measure.SHARE: 99})))[0].points == 50.0
    assert score_influence(person()) == []


@given(
    measures=st.dictionaries(st.sampled_from(list(Measure)), st.integers(0, 10**9)),
    kinds=st.integers(0, 300),
    used=st.integers(0, 300),
)
def test_whatever_the_facts_the_core_accepts_the_points(measures: Any, kinds: int, used: int) -> None:
    """They stay within what a contribution may be."""
    signals = tuple(signal(f"s{number}") for number in range(kinds))
    facts = person(
        intent=IntentFacts(signals=signals), usage=usage(1, features=features(used), measures=measures)
    )
    for said in (score_intent(facts, SETTINGS), score_usage(facts, SETTINGS), score_influence(facts)):
        score_contributions(None, said)
