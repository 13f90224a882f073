"""Orders, refunds, and amounts of every kind that clients send."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cdp.lenses.amounts import date_of, decimal_of, key_of
from cdp.lenses.fold import fold
from cdp.lenses.summaries import UNTOLD, Order, Summaries
from cdp.model import (
    AccountId,
    Event,
    NodeId,
    Workspace,
)
from tests.lenses.parts import EPOCH, WORKSPACE, event


def folded(*events: Event, workspace: Workspace = WORKSPACE) -> Summaries:
    return fold([(each, NodeId(1), AccountId(0)) for each in events], workspace)


def order(*events: Event) -> Order:
    [found] = folded(*events).orders.values()
    return found


def test_an_order_is_exact_and_its_latest_total_stands() -> None:
    """0.1 + 0.2 is what a shop's JavaScript sends; an update may arrive before what it updates."""
    later = EPOCH + timedelta(hours=1)
    updated = event(
        "Order Updated", {"order_id": 7, "total": 0.1 + 0.2, "currency": "eur"}, occurred_at=later
    )
    completed = event("Order Completed", {"order_id": "7", "total": "19.99", "currency": "usd"})
    expected = Order(
        EPOCH, later, "EUR", total=Decimal("0.30000000000000004"), total_at=later, total_message_id="m"
    )
    assert order(updated, completed) == order(completed, updated) == expected


def test_an_order_without_a_readable_amount_counts_and_is_worth_nothing_until_one_is_told() -> None:
    junk = event("Order Completed", {"order_id": "7", "total": "a lot"})
    assert (order(junk).counts, order(junk).net, order(junk).total_at) == (True, 0, UNTOLD)
    told = event("Order Completed", {"order_id": "7", "revenue": 5}, occurred_at=EPOCH - timedelta(days=9))
    assert order(junk, told).net == order(told, junk).net == 5


def test_a_missing_amount_does_not_wipe_out_a_known_one() -> None:
    completed = event("Order Completed", {"order_id": "7", "total": 30})
    updated = event("Order Updated", {"order_id": "7"}, occurred_at=EPOCH + timedelta(days=1))
    assert order(completed, updated).net == 30


@pytest.mark.parametrize(
    ("refunds", "counts", "net"),
    [
        ([{"total": 5}], True, 25),
        ([{"total": -5}, {"total": "2.50"}], True, Decimal("22.5")),
        ([{"total": 30}], False, 0),
        ([{"total": 31}], False, -1),
        ([{}], False, 30),
        ([{"total": "NaN"}], False, 30),
    ],
)
def test_refunds_subtract_and_a_whole_one_undoes_the_purchase(
    refunds: list[dict[str, Any]], counts: bool, net: int | Decimal
) -> None:
    events = [event("Order Refunded", {"order_id": "7"} | refund) for refund in refunds]
    found = order(event("Order Completed", {"order_id": "7", "total": 30}), *events)
    assert (found.counts, found.net) == (counts, net)


def test_a_cancellation_sticks_whatever_arrives_later() -> None:
    cancelled = event("Order Cancelled", {"order_id": "7"})
    later = event("Order Updated", {"order_id": "7", "total": 99}, occurred_at=EPOCH + timedelta(days=1))
    assert not order(cancelled, later).counts


def test_a_refund_of_an_order_that_nobody_placed_is_no_purchase() -> None:
    assert not order(event("Order Refunded", {"total": 5})).counts


def test_an_order_without_an_id_stands_for_itself() -> None:
    orders = folded(
        event("Order Completed", {"total": 1}, message_id="a"),
        event("Order Completed", {"total": 1, "order_id": "  "}, message_id="b" * 300),
    ).orders
    assert [len(key[2]) <= 200 for key in orders] == [True, True]
    assert [key[2].split(":")[0] for key in orders] == ["message", "sha256"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (19.99, "19.99"),
        (1, "1"),
        (-0.0, "0"),
        ("12.50", "12.50"),
        (" 7 ", "7"),
        ("+3", "3"),
        (999_999_999_999_999, "999999999999999"),
        (10**15, None),
        (1e15, None),
        (10**400, None),
        (1e308, None),
        (5e-324, None),
        (1e-7, "1E-7"),
        (float("nan"), None),
        (float("inf"), None),
        ("NaN", None),
        ("Infinity", None),
        ("1e9", None),
        ("1,299.00", None),
        ("1_000", None),
        ("٣", None),
        ("", None),
        ("9" * 16, None),
        ("1." + "1" * 21, None),
        (True, None),
        (None, None),
        ([1], None),
        ({"amount": 1}, None),
    ],
)
def test_an_amount_is_exact_or_none(given: object, expected: str | None) -> None:
    assert decimal_of(given) == (None if expected is None else Decimal(expected))


def test_days_and_keys_are_read_where_they_can_be() -> None:
    given = ["2027-01-31", "2027-01-31T23:59:59+14:00", "2027-02-30", "0000-01-01", "31.1.2027", 20270131]
    assert [date_of(value) for value in given] == ["2027-01-31", "2027-01-31", None, None, None, None]
    keys = [" a ", "", "  ", 7, 7.5, True, None, ["a"], "x" * 300]
    assert [key_of(value) for value in keys] == ["a", None, None, "7", None, None, None, None, "x" * 200]
