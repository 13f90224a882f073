"""The decisions: whom to ask next, which calls to grant, how a cost is shared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.enrichment.metering import Reason, Standing, grant, next_day, next_month
from cdp.enrichment.providers import Source
from cdp.enrichment.waterfall import gain, next_source, shares
from cdp.errors import Misconfigured
from cdp.hooks.providers import check_provider
from cdp.model import Provider, RateLimit, Subject

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FIELDS = ("a", "b", "c")


def source(name: str, place: int = 0, **changes: Any) -> Source:
    values: dict[str, Any] = {"name": name, "subject": Subject.PERSON, "fields": FIELDS}
    return Source(provider=Provider(**(values | changes)), plugin="p", place=place)


SOURCES = st.lists(
    st.builds(
        lambda place, cost, priority, confidence, fields: source(
            f"s{place}",
            place,
            cost=Decimal(cost) / 100,
            priority=priority,
            confidence=confidence,
            fields=tuple(sorted(fields)),
        ),
        st.integers(0, 9),
        st.integers(0, 3),
        st.integers(1, 3),
        st.sampled_from([0.3, 0.6, 0.9]),
        st.sets(st.sampled_from(FIELDS)),
    ),
    max_size=6,
    unique_by=lambda one: one.name,
)
KNOWN = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
WANTED = st.none() | st.frozensets(st.sampled_from(FIELDS))


@given(sources=SOURCES, known=KNOWN, wanted=WANTED)
def test_who_is_asked_adds_something_and_nobody_before_them_would(
    sources: list[Source], known: dict[str, float], wanted: frozenset[str] | None
) -> None:
    """Whoever has a smaller priority, or is worth more at the same, adds nothing; the order given does not matter."""
    asked = next_source(sources, known, target=0.7, wanted=wanted, done=())
    useful = [one for one in sources if gain(one, known, target=0.7, wanted=wanted) > 0]
    assert (asked is None) == (not useful)
    again = next_source(sources[::-1], known, target=0.7, wanted=wanted, done=())
    assert again == asked
    if asked is not None:
        assert asked in useful
        assert asked.provider.priority == min(one.provider.priority for one in useful)
        others = [one for one in useful if one.provider.priority == asked.provider.priority]
        if asked.provider.cost > 0:
            worth = gain(asked, known, target=0.7, wanted=wanted) / float(asked.provider.cost)
            assert all(one.provider.cost > 0 for one in others)
            assert all(
                gain(one, known, target=0.7, wanted=wanted) / float(one.provider.cost) <= worth
                for one in others
            )


def test_a_provider_that_is_no_surer_than_what_is_known_is_not_asked() -> None:
    """Nor one whose fields are known surely enough, or are not wanted; who declares no fields always is."""
    known = {"a": 0.5, "b": 0.9}
    for one, asked in (
        (source("s", confidence=0.5, fields=("a",)), False),
        (source("s", confidence=0.6, fields=("a",)), True),
        (source("s", confidence=0.95, fields=("b",)), False),
        (source("s", fields=("c",)), False),
        (source("s", fields=()), True),
    ):
        found = next_source([one], known, target=0.7, wanted={"a", "b"}, done=())
        assert (found is one) == asked


@given(total=st.decimals(0, 1_000, places=6), count=st.integers(1, 40))
def test_the_shares_of_a_cost_add_up_to_it(total: Decimal, count: int) -> None:
    """To the last digit, and are as equal as they can be."""
    parts = shares(total, count)
    assert sum(parts) == total
    assert len(parts) == count
    assert max(parts) - min(parts) < Decimal("0.0001")


STANDING = st.builds(
    Standing,
    at=st.just(NOON),
    under_way=st.integers(0, 4),
    recent=st.integers(0, 4),
    oldest_end=st.none() | st.just(NOON - timedelta(milliseconds=300)),
    failures_in_row=st.integers(0, 7),
    blocked_until=st.none() | st.sampled_from([NOON - timedelta(seconds=1), NOON + timedelta(seconds=9)]),
    per_day=st.none() | st.decimals(0, 2, places=2),
    per_subject=st.none() | st.decimals(0, 1, places=2),
    spent=st.decimals(0, 2, places=2),
    spent_on=st.dictionaries(st.integers(1, 6), st.decimals(0, 1, places=2)),
)


@given(
    standing=STANDING,
    cost=st.decimals(0, 1, places=2),
    calls=st.none() | st.integers(1, 5),
    at_once=st.none() | st.integers(1, 5),
)
def test_whatever_is_granted_stays_within_every_limit(
    standing: Standing, cost: Decimal, calls: int | None, at_once: int | None
) -> None:
    """And who is not granted a call is told why, and when to ask again: later than now, or now at the earliest."""
    limit = None if calls is None else RateLimit(calls=calls)
    provider = source("s", cost=cost, rate_limit=limit, at_once=at_once).provider
    decided = grant(provider, standing, range(1, 7))
    granted = len(decided.granted)
    assert sorted([*decided.granted, *decided.denied]) == list(range(1, 7))
    assert all(one.until >= standing.at for one in decided.denied.values())
    if granted:
        assert standing.blocked_until is None or standing.blocked_until <= standing.at
        assert calls is None or standing.under_way + standing.recent + granted <= calls
        assert at_once is None or standing.under_way + granted <= at_once
        assert standing.failures_in_row < 5 or (granted, standing.under_way) == (1, 0)
        if cost > 0:
            assert standing.per_day is not None
            assert standing.spent + cost * granted <= standing.per_day
            if standing.per_subject is not None:
                for one in decided.granted:
                    assert standing.spent_on.get(one, Decimal(0)) + cost <= standing.per_subject
    elif cost == 0 and calls is None and at_once is None:
        assert {one.reason for one in decided.denied.values()} <= {Reason.BLOCKED, Reason.LIMIT}


def test_budgets_are_whole_again_at_midnight_and_at_the_first() -> None:
    """UTC, also at the end of a year."""
    eve = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert next_day(eve) == next_month(eve) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_month(NOON) == datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Clear Bit"}, "cannot be a provider"),
        ({"cost": Decimal(-1)}, "not an amount"),
        ({"cost": Decimal("NaN")}, "not an amount"),
        ({"currency": "euro"}, "three capital letters"),
        ({"confidence": 0}, "above 0"),
        ({"fields": ("",)}, "without names"),
        ({"at_once": 0}, "at_once"),
        ({"time_to_live": timedelta(0)}, "above 0"),
        ({"rate_limit": RateLimit(calls=0)}, "1 call or more"),
        ({"rate_limit": RateLimit(calls=1, per=timedelta(days=40))}, "31 days"),
    ],
)
def test_a_provider_that_cannot_be_asked_or_paid_is_refused(changes: dict[str, Any], says: str) -> None:
    """When its plugin is loaded, with what is wrong with it."""
    with pytest.raises(Misconfigured, match=says):
        check_provider(
            source("s", **changes).provider if "name" not in changes else source(**changes).provider
        )
