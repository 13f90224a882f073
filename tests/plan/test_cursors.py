"""Cursors give back what they hold, and nothing else is one."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.errors import BadInput
from cdp.plan.cursors import read_cursor, signature
from cdp.plan.entities import SortKey

NUMBER = SortKey(sql="p.n", sql_type="int8")
MAYBE = SortKey(sql="p.t", sql_type="text", nullable=True)
SCORE = SortKey(sql="p.s", sql_type="float8")
ORDER = [(SCORE, True), (MAYBE, False), (NUMBER, True)]


def written(*values: object, order: object = ORDER) -> str:
    """As PostgreSQL writes it."""
    text = json.dumps([signature(order), *values])  # type: ignore[arg-type]
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.none()
    | st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
)
def test_a_cursor_gives_back_the_sort_values(score: float, text: str | None, number: int) -> None:
    assert read_cursor(written(score, text, number), ORDER) == (score, text, number)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(BadInput):
        read_cursor(text, ORDER)


@pytest.mark.parametrize(
    "values",
    [
        (),
        (1.0, "x"),
        (1.0, "x", 1, 1),
        ("x", "x", 1),
        (1.0, 5, 1),
        (1.0, "a\x00", 1),
        (1.0, "x", None),
        (1.0, "x", 1.5),
    ],
)
def test_values_of_other_types_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(BadInput):
        read_cursor(written(*values), ORDER)


def test_a_cursor_belongs_to_one_order() -> None:
    other = [(SCORE, False), (MAYBE, False), (NUMBER, True)]
    assert signature(other) != signature(ORDER)
    with pytest.raises(BadInput):
        read_cursor(written(1.0, "x", 1, order=other), ORDER)
