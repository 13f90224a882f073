"""Shares and their differences, with intervals, against published figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.personalisation.lift import lift, share

COUNTS = st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@pytest.mark.parametrize(
    ("treated", "control", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_have_the_intervals_that_newcombe_printed(
    treated: tuple[int, int], control: tuple[int, int], lower: float, upper: float
) -> None:
    """Table II of the paper, method 10."""
    one, other = share(*treated), share(*control)
    assert one is not None
    assert other is not None
    found = lift(one, other)
    assert (round(found.lower, 4), round(found.upper, 4)) == (lower, upper)


@given(COUNTS)
def test_a_share_lies_in_its_interval_and_that_between_0_and_1(counted: tuple[int, int]) -> None:
    found = share(*counted)
    assert found is not None
    assert 0 <= found.lower <= found.rate <= found.upper <= 1
    assert found.lower < found.upper


@given(COUNTS, COUNTS)
def test_a_difference_lies_in_its_interval_and_turns_its_sign_with_the_arms(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    a, b = share(*one), share(*other)
    assert a is not None
    assert b is not None
    there, back = lift(a, b), lift(b, a)
    assert -1 <= there.lower <= there.difference <= there.upper <= 1
    assert math.isclose(there.lower, -back.upper, abs_tol=1e-12)
    assert (there.relative is None) == (b.count == 0)


def test_a_share_of_nobody_is_none() -> None:
    assert share(0, 0) is None
