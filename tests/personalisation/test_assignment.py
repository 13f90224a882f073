"""Who gets which variant: what is promised of the hash, held over generated slots."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.model import ProfileId
from cdp.personalisation.assignment import assign, held_out, uniform

SALTS = st.text(min_size=1, max_size=20)
PEOPLE = st.integers(1, 2**62).map(ProfileId)
WEIGHTS = st.dictionaries(st.text(min_size=1, max_size=8), st.floats(1e-6, 1e6), min_size=1, max_size=12)


@given(SALTS, PEOPLE, WEIGHTS, st.randoms())
def test_a_person_gets_the_same_variant_whatever_the_order(
    salt: str, person: ProfileId, weights: dict[str, float], random: object
) -> None:
    """At any time, in any process: nothing but salt, person, names and weights decides."""
    shuffled = list(weights.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert assign(salt, person, weights) == assign(salt, person, dict(shuffled))


@given(SALTS, PEOPLE, WEIGHTS, st.text(min_size=1, max_size=8), st.floats(1e-6, 1e6))
def test_a_variant_that_is_added_takes_people_and_moves_nobody_else(
    salt: str, person: ProfileId, weights: dict[str, float], name: str, weight: float
) -> None:
    """And one that is taken away gives its people back and moves nobody else: the same read backwards."""
    weights.pop(name, None)
    if not weights:
        return
    before = assign(salt, person, weights)
    assert assign(salt, person, {**weights, name: weight}) in {before, name}


@given(SALTS, PEOPLE, WEIGHTS, st.floats(1, 1e6))
def test_a_greater_weight_only_gains_people(
    salt: str, person: ProfileId, weights: dict[str, float], factor: float
) -> None:
    """Who has a variant keeps it when its weight grows; others come to it, or stay where they are."""
    before = assign(salt, person, weights)
    for name, weight in weights.items():
        after = assign(salt, person, {**weights, name: weight * factor})
        assert after in ({name} if name == before else {before, name})


@given(SALTS, PEOPLE, st.floats(0, 1), st.floats(0, 1))
def test_a_greater_holdout_only_gains_people(salt: str, person: ProfileId, one: float, other: float) -> None:
    """Nobody leaves it as it grows."""
    less, more = sorted((one, other))
    assert held_out(salt, person, less) <= held_out(salt, person, more)


def test_nobody_is_held_out_of_nothing_and_everybody_of_all() -> None:
    for number in range(1, 1_000):
        assert not held_out("salt", ProfileId(number), 0.0)
        assert held_out("salt", ProfileId(number), 1.0)


@pytest.mark.parametrize("salt", ["a", "another"])
def test_shares_are_those_of_the_weights_and_the_holdout_is_independent(salt: str) -> None:
    """Within five standard deviations of 20,000 people, which salts fix."""
    people = [ProfileId(number) for number in range(1, 20_001)]
    weights = {"a": 1.0, "b": 2.0, "c": 5.0}
    variants = {person: assign(salt, person, weights) for person in people}
    out = {person for person in people if held_out(salt, person, 0.1)}
    for expected, found, of in [
        *((weights[name] / 8, count, 20_000) for name, count in Counter(variants.values()).items()),
        (0.1, len(out), 20_000),
        # Of those who have a variant, the holdout has its share too.
        *(
            (0.1, sum(person in out for person in people if variants[person] == name), count)
            for name, count in Counter(variants.values()).items()
        ),
    ]:
        assert abs(found - expected * of) < 5 * math.sqrt(of * expected * (1 - expected))


def test_the_formula_is_the_one_that_is_written_down() -> None:
    """Known values: another formula would deal everybody anew."""
    assert uniform("salt", "variant", "1", "a") == pytest.approx(0.781432386912, abs=1e-12)
    assert 0 < uniform("") < 1
    assert [assign("salt", ProfileId(n), {"a": 1, "b": 1}) for n in range(1, 9)] == list("bbbabbaa")


def test_a_part_cannot_pass_for_two() -> None:
    assert uniform("salt", "a", "b") != uniform("salt", "ab")
