"""What competing claims come to: decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdp.model import Evidence
from cdp.roles.combine import SUREST, Decided, Part, Said, Verdict, combine, together

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def said(source: str, confidence: float = 1.0, **changes: Any) -> Said:
    values: dict[str, Any] = {"role": "CHAMPION", "since": NOW - HOUR, "until": None}
    evidence = (Evidence(reason="told so"),)
    return Said(source=source, confidence=confidence, evidence=evidence, **(values | changes))


def verdict(*claims: Said) -> Verdict:
    (one,) = combine(claims, as_of=NOW)
    return one


def parts(one: Verdict) -> list[tuple[str, Part]]:
    return [(claim.said.source, claim.part) for claim in one.claims]


def test_one_plugin_alone_is_believed_as_much_as_it_says() -> None:
    """But never for certain."""
    one = verdict(said("crm", 0.9))
    assert (one.held, one.confidence, one.decided) == (True, 0.9, Decided.SINGLE)
    assert one.explanation == "crm claims it, with confidence 0.9."
    assert verdict(said("crm", 1.0)).confidence == SUREST


def test_several_plugins_make_surer_as_if_independent() -> None:
    """The surest leads, the others add, and the sentence can be reckoned through."""
    one = verdict(said("behaviour", 0.5), said("crm", 0.8))
    assert (one.confidence, one.decided) == (0.9, Decided.COMBINED)
    assert parts(one) == [("crm", Part.DECIDES), ("behaviour", Part.ADDS)]
    assert one.explanation == "crm, behaviour claim it: 1 − (1 − 0.8) · (1 − 0.5) = 0.9; crm leads."


def test_what_a_person_says_decides_for_it_and_against_it() -> None:
    """However sure plugins are."""
    claim = said("crm", 0.99)
    for_it = verdict(claim, said("human:ada"))
    assert (for_it.confidence, for_it.decided) == (1.0, Decided.ASSERTED)
    assert for_it.explanation == "ada says so; that outranks 1 other claim."
    against = verdict(claim, said("human:ada", against=True))
    assert (against.held, against.confidence, against.decided) == (False, None, Decided.DENIED)
    assert parts(against) == [("human:ada", Part.DECIDES), ("crm", Part.OUTRANKED)]
    assert against.explanation == "ada says that it is not held; that outranks 1 other claim."


def test_of_two_people_the_later_word_stands() -> None:
    """Said at the same time, that it is held."""
    earlier, later = said("human:ada"), said("human:bob", against=True, since=NOW)
    assert verdict(earlier, later).decided is Decided.DENIED
    assert verdict(said("human:ada", since=NOW), later).decided is Decided.ASSERTED


def test_what_is_over_or_has_not_begun_counts_for_nothing() -> None:
    """It is told all the same."""
    one = verdict(said("crm", 0.9, until=NOW), said("human:ada", since=NOW + HOUR))
    assert (one.held, one.decided, one.explanation) == (False, Decided.NOBODY, "Nobody claims it now.")
    assert parts(one) == [("crm", Part.ENDED), ("human:ada", Part.PENDING)]


_claims = st.lists(
    st.builds(
        said,
        st.sampled_from(["a", "b", "c", "human:x", "human:y"]),
        st.floats(0.01, 1.0),
        role=st.sampled_from(["R", "S"]),
        since=st.sampled_from([NOW - HOUR, NOW, NOW + HOUR]),
        until=st.sampled_from([None, NOW, NOW + 2 * HOUR]),
    ),
    max_size=6,
)


@given(_claims, st.randoms())
def test_the_order_in_which_claims_come_does_not_matter(claims: list[Said], random: Any) -> None:
    """The same claims have the same verdicts, explained in the same words."""
    shuffled = list(claims)
    random.shuffle(shuffled)

    def outcome(some: list[Said]) -> list[tuple[str, float | None, Decided, str]]:
        return [(one.role, one.confidence, one.decided, one.explanation) for one in combine(some, as_of=NOW)]

    assert outcome(claims) == outcome(shuffled)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5), st.floats(0.0, 1.0))
def test_a_further_claim_never_makes_less_sure(confidences: list[float], one: float) -> None:
    """And nothing makes certain."""
    assert together(confidences) <= together([*confidences, one]) <= SUREST
