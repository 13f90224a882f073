from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.accounts.registers import Register, later, lift
from cdp.model import AccountKind

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def said(value: Any, minute: int = 0, message_id: str = "m") -> Register:
    return Register(
        value=value, occurred_at=NOON + timedelta(minutes=minute), message_id=message_id, source="tracking"
    )


registers = st.builds(said, st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc"))


@given(
    st.lists(st.tuples(st.sampled_from("xy"), registers), unique_by=lambda pair: (pair[0], pair[1].age)),
    st.randoms(),
)
def test_the_order_in_which_traits_arrive_does_not_matter(
    pairs: list[tuple[str, Register]], random: Any
) -> None:
    """The later one by time and message id stands."""
    one: dict[str, Register] = {}
    other: dict[str, Register] = {}
    later(one, pairs)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    later(other, shuffled)
    assert one == other


def test_columns_are_lifted_from_traits() -> None:
    """Name, domain, kind and licensed seats; all traits stay, but those that were taken away."""
    found = lift(
        {
            "name": said("  Acme Ltd "),
            "website": said("https://www.acme.co.uk/"),
            "type": said("Company"),
            "seats": said("25"),
            "employees": said(400),
            "plan": said(None),
        }
    )
    assert (found.name, found.domain, found.kind, found.seats_licensed) == (
        "Acme Ltd",
        "acme.co.uk",
        AccountKind.ORGANISATION,
        25,
    )
    assert found.traits == {
        "name": "  Acme Ltd ",
        "website": "https://www.acme.co.uk/",
        "type": "Company",
        "seats": "25",
        "employees": 400,
    }


@pytest.mark.parametrize(
    "value", [None, True, -1, 2**31, 2.5, "many", "²", [], {}, "99999999999", float("inf")]
)
def test_what_is_no_number_of_seats_is_none(value: Any) -> None:
    """It stays a trait."""
    assert lift({"seats": said(value)}).seats_licensed is None


@pytest.mark.parametrize(
    ("key", "value"), [("domain", "gmail.com"), ("domain", 7), ("name", " "), ("name", 7), ("type", 7)]
)
def test_nonsense_is_not_lifted(key: str, value: Any) -> None:
    """A free-mail provider is nobody's domain; numbers are no names."""
    found = lift({key: said(value)})
    assert (found.kind, found.name, found.domain) == (None, None, None)


def test_employees_are_no_seats() -> None:
    """How many work there says nothing about how many were paid for."""
    assert lift({"employees": said(400)}).seats_licensed is None


def test_the_later_word_on_the_kind_stands() -> None:
    """Whether it was called kind or type."""
    assert lift({"kind": said("household"), "type": said("company", 5)}).kind is AccountKind.ORGANISATION
    assert lift({"kind": said("HOUSEHOLD", 9), "type": said("company", 5)}).kind is AccountKind.HOUSEHOLD
    assert lift({"kind": said("saas", 9), "type": said("family", 5)}).kind is AccountKind.HOUSEHOLD


def test_a_workspace_decides_which_domains_are_free_mail() -> None:
    """They name no account."""
    assert lift({"domain": said("isp.test")}, ("isp.test",)).domain is None
