"""The decision, as a function of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cdp.model import Candidate, Cap, Lens, ProfileId
from cdp.personalisation.decide import (
    Considered,
    Outcome,
    Standing,
    capped,
    decide,
    of_variant,
    without_doubles,
)
from cdp.personalisation.slots import Slot, Variant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

CANDIDATES = st.lists(
    st.builds(
        lambda name, priority, weight, standing: Considered(
            candidate=Candidate(
                variant=name, content={}, lens=Lens.NONE, reason="r", priority=priority, weight=weight
            ),
            standing=standing,
            reason="r",
        ),
        st.sampled_from("abcdef"),
        st.integers(0, 2),
        st.floats(0.1, 10),
        st.sampled_from([Standing.NOT_ASSIGNED, Standing.CAPPED, Standing.OUTSIDE_AUDIENCE]),
    ),
    max_size=8,
).map(without_doubles)
SLOTS = st.builds(
    lambda holdout: Slot(name="s", salt="salt", holdout=holdout, fallback={"is": "fallback"}),
    st.sampled_from([0.0, 0.3, 1.0]),
)


@given(SLOTS, CANDIDATES, st.integers(1, 1_000).map(ProfileId))
def test_what_is_shown_is_eligible_and_of_the_highest_priority(
    slot: Slot, considered: tuple[Considered, ...], person: ProfileId
) -> None:
    """And everybody else's standing says why not; in the holdout it is withheld and the fallback shown."""
    decision = decide(slot, person, considered)
    eligible = [one.candidate for one in considered if one.eligible]
    standings = {one.candidate.variant: one.standing for one in decision.considered if one.eligible}
    assert len(decision.considered) == len(considered)
    if not eligible:
        assert (decision.outcome, decision.variant) == (Outcome.FALLBACK, "fallback")
        assert decision.content == {"is": "fallback"}
        return
    highest = max(one.priority for one in eligible)
    picked = decision.variant if decision.outcome is Outcome.ASSIGNED else decision.withheld
    assert picked in {one.variant for one in eligible if one.priority == highest}
    assert standings.pop(picked) is (
        Standing.SHOWN if decision.outcome is Outcome.ASSIGNED else Standing.WITHHELD
    )
    assert standings == {
        one.variant: Standing.OUTRANKED if one.priority < highest else Standing.NOT_ASSIGNED
        for one in eligible
        if one.variant != picked
    }
    assert slot.holdout != 1 or decision.outcome is Outcome.HOLDOUT
    assert slot.holdout != 0 or decision.outcome is Outcome.ASSIGNED


@given(CANDIDATES, st.integers(1, 1_000).map(ProfileId))
def test_who_is_held_out_would_be_shown_what_is_withheld(
    considered: tuple[Considered, ...], person: ProfileId
) -> None:
    """The holdout does not change the assignment, so that the two groups can be compared."""
    shown = decide(Slot(name="s", salt="x"), person, considered)
    held = decide(Slot(name="s", salt="x", holdout=1.0), person, considered)
    assert held.withheld == (shown.variant if shown.outcome is Outcome.ASSIGNED else None)


@given(
    st.integers(1, 4),
    st.integers(1, 72),
    st.lists(st.integers(0, 200), max_size=30),
)
def test_a_cap_is_never_exceeded(times: int, hours: int, gaps: list[int]) -> None:
    """Shown each time that it may be, it is never shown more often in a period than allowed."""
    cap = Cap(times=times, within=timedelta(hours=hours))
    variant = Variant(name="a", content={}, cap=cap)
    shown: list[datetime] = []
    at = NOW
    for gap in gaps:
        at += timedelta(minutes=15 * gap)
        if capped(of_variant(variant, at, inside=True), shown, at).eligible:
            shown.append(at)
        for end in shown:
            assert sum(end - cap.within < one <= end for one in shown) <= times
    if gaps:
        assert shown


def test_a_plugin_s_choice_stands_before_priorities_and_under_the_holdout() -> None:
    candidates = without_doubles(
        [
            Considered(
                candidate=Candidate(variant=name, content={}, lens=Lens.NONE, reason="r", priority=priority)
            )
            for name, priority in (("a", 9), ("b", 1))
        ]
    )
    decision = decide(Slot(name="s", salt="x"), ProfileId(1), candidates, chosen="b")
    assert (decision.variant, decision.outcome) == ("b", Outcome.CHOSEN)
    assert [one.standing for one in decision.considered] == [Standing.NOT_CHOSEN, Standing.SHOWN]
    held = decide(Slot(name="s", salt="x", holdout=1.0), ProfileId(1), candidates, chosen="b")
    assert (held.variant, held.withheld) == ("holdout", "b")
