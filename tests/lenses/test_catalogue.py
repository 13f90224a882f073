from __future__ import annotations

import pytest

from cdp.errors import BadInput
from cdp.lenses.catalogue import Catalogue, check_entry, classify, merge_entries
from cdp.lenses.conditions import compile_test
from cdp.lenses.defaults import default_entries
from cdp.model import (
    CatalogueEntry,
    Condition,
    ConditionOperator,
    Contribution,
    Lens,
    Measure,
    PurchaseEffect,
    Stage,
)

DEFAULTS = default_entries()

USAGE = """Signed In, Signed Out, Feature Used, Session Started, Onboarding Step Completed, Training Started,
Training Completed, Support Ticket Opened, Support Ticket Closed, Account Added User, Account Removed User,
Invite Sent"""
BOTH = """Account Created, Account Deleted, Signed Up, Trial Started, Trial Ended, Feedback Submitted, Review Submitted,
Product Reviewed"""
INTENT = """Products Searched, Product List Viewed, Product List Filtered, Product Clicked, Product Viewed,
Product Added, Product Removed, Product Shared, Comparison Viewed, Pricing Viewed, Demo Requested, Quote Requested,
Cart Viewed, Checkout Started, Checkout Step Viewed, Checkout Step Completed, Payment Info Entered, Order Completed,
Order Updated, Order Refunded, Order Cancelled, Coupon Entered, Coupon Applied, Coupon Denied, Coupon Removed,
Promotion Viewed, Promotion Clicked, Product Added to Wishlist, Product Removed from Wishlist,
Wishlist Product Added to Cart, Cart Shared, Contract Signed, Subscription Renewed, Subscription Upgraded,
Subscription Downgraded, Subscription Cancelled"""


def names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


def lenses(name: str) -> set[Lens]:
    return {contribution.lens for contribution in classify(name, {}, DEFAULTS)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [(USAGE, {Lens.USAGE}), (BOTH, {Lens.INTENT, Lens.USAGE}), (INTENT, {Lens.INTENT})],
    ids=["usage", "both", "intent"],
)
def test_the_default_catalogue_knows_every_event_of_the_domain(text: str, expected: set[Lens]) -> None:
    """Spelled as tracking clients send them, each feeds the panels that the domain says."""
    assert {name: lenses(name) for name in names(text)} == dict.fromkeys(names(text), expected)


def test_every_default_is_fit_to_be_stored() -> None:
    """What Diptych comes with passes the same checks as what a workspace sets."""
    assert [check_entry(entry) for entry in DEFAULTS] == list(DEFAULTS)


def test_names_are_matched_whatever_their_case_and_the_spaces_around_them() -> None:
    """Clients disagree on `Order Completed` and `order completed`."""
    assert classify("  order completed ", {}, DEFAULTS) == classify("Order Completed", {}, DEFAULTS) != ()


def test_an_event_that_nobody_named_counts_for_neither_panel() -> None:
    assert classify("Llama Groomed", {"feature": "x"}, DEFAULTS) == ()


@pytest.mark.parametrize(
    ("path", "signal", "stage"),
    [
        ("/pricing", "pricing_viewed", Stage.PRICING),
        ("/pricing/enterprise", "pricing_viewed", Stage.PRICING),
        ("/demo", "demo_page_viewed", Stage.COMPARISON),
        ("/blog/2026/llamas", "blog_viewed", Stage.AWARENESS),
    ],
)
def test_pages_speak_by_their_path(path: str, signal: str, stage: Stage) -> None:
    [contribution] = classify("Page Viewed", {"path": path}, DEFAULTS)
    assert (contribution.lens, contribution.signal, contribution.stage) == (Lens.INTENT, signal, stage)


def test_other_pages_are_known_and_count_for_neither_panel() -> None:
    catalogue = Catalogue(DEFAULTS)
    assert (catalogue.classify("Page Viewed", {"path": "/"}), catalogue.names("Page Viewed")) == ((), True)


def test_a_service_contract_is_told_from_another() -> None:
    plain, service = ({}, {"type": "service"})
    assert classify("Contract Signed", plain, DEFAULTS)[0].measures == ()
    [contribution] = classify("Contract Signed", service, DEFAULTS)
    assert (contribution.measures, contribution.purchase) == (
        (Measure.SERVICE_CONTRACT,),
        PurchaseEffect.PURCHASE,
    )


def entry(*conditions: Condition, signal: str) -> CatalogueEntry:
    return CatalogueEntry(
        event="Ping",
        conditions=conditions,
        contributions=(Contribution(lens=Lens.INTENT, signal=signal),),
    )


def test_the_entry_with_most_conditions_wins() -> None:
    """Whatever the order in which they were defined."""
    plan, seats = Condition(property="plan.name", value="pro"), Condition(property="seats", value=5)
    entries = (entry(signal="any"), entry(plan, seats, signal="both"), entry(plan, signal="plan"))
    found = [
        classify("ping", properties, each)[0].signal
        for each in (entries, entries[::-1])
        for properties in ({}, {"plan": {"name": "pro"}}, {"plan": {"name": "pro"}, "seats": 5})
    ]
    assert found == ["any", "plan", "both"] * 2


def test_a_workspaces_entry_replaces_the_default_of_the_same_event_and_conditions() -> None:
    own = CatalogueEntry(event="demo requested", contributions=(), entry_id=7)
    merged = merge_entries([own])
    assert [e for e in merged if e.event.lower() == "demo requested"] == [own]
    assert classify("Demo Requested", {}, merged) == ()
    assert len(merged) == len(DEFAULTS)


def test_conditions_in_another_order_are_the_same_conditions() -> None:
    one, two = Condition(property="a", value=1), Condition(property="b", value=2)
    assert len(merge_entries([entry(one, two, signal="x"), entry(two, one, signal="y")])) == len(DEFAULTS) + 1


PROPERTIES = {"n": 5, "text": "hello", "numeric": "7.5", "flag": True, "tags": ["a", 1], "deep": {"er": {"x": 1}},
              "nothing": None, "dotted.name": "yes", "when": "2026-03-01"}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "operator", "value", "expected"),
    [
        ("n", "EQ", 5, True),
        ("n", "EQ", 5.0, True),
        ("flag", "EQ", 1, False),
        ("flag", "EQ", True, True),
        ("n", "NE", 4, True),
        ("missing", "NE", 4, False),
        ("nothing", "NE", 4, False),
        ("text", "IN", ["x", "hello"], True),
        ("text", "IN", ["x"], False),
        ("n", "GT", 4, True),
        ("n", "GT", 5, False),
        ("n", "GTE", 5, True),
        ("n", "LT", "6", True),
        ("numeric", "LTE", 7.5, True),
        ("when", "GTE", "2026-02-28", True),
        ("text", "GT", 4, False),
        ("flag", "GT", 0, False),
        ("text", "CONTAINS", "ell", True),
        ("text", "CONTAINS", 1, False),
        ("tags", "CONTAINS", 1, True),
        ("tags", "CONTAINS", True, False),
        ("text", "STARTS_WITH", "he", True),
        ("n", "STARTS_WITH", "5", False),
        ("deep.er.x", "EQ", 1, True),
        ("deep.no.x", "EQ", 1, False),
        ("n.x", "EQ", 1, False),
        ("dotted.name", "EQ", "yes", True),
        ("n", "EXISTS", None, True),
        ("missing", "EXISTS", True, False),
        ("missing", "EXISTS", False, True),
        ("nothing", "EXISTS", False, True),
    ],
)
def test_a_condition_holds_or_not(path: str, operator: str, value: object, expected: bool) -> None:
    condition = Condition(property=path, operator=ConditionOperator(operator), value=value)
    assert compile_test(condition)(PROPERTIES) is expected


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (CatalogueEntry(event="  "), ("event",)),
        (CatalogueEntry(event="x\0"), ("event",)),
        (
            CatalogueEntry(event="x", conditions=(Condition(property="", value=1),)),
            ("conditions", "0", "property"),
        ),
        (CatalogueEntry(event="x", conditions=(Condition(property="a"),)), ("conditions", "0", "value")),
        (
            CatalogueEntry(
                event="x", conditions=(Condition(property="a", operator=ConditionOperator.IN, value=3),)
            ),
            ("conditions", "0", "value"),
        ),
        (
            CatalogueEntry(
                event="x", conditions=(Condition(property="a", operator=ConditionOperator.GT, value=True),)
            ),
            ("conditions", "0", "value"),
        ),
        (
            CatalogueEntry(event="x", contributions=(Contribution(lens=Lens.NONE),)),
            ("contributions", "0", "lens"),
        ),
        (
            CatalogueEntry(event="x", contributions=(Contribution(lens=Lens.INTENT, weight=-1),)),
            ("contributions", "0", "weight"),
        ),
        (
            CatalogueEntry(event="x", contributions=(Contribution(lens=Lens.INTENT, weight=float("nan")),)),
            ("contributions", "0", "weight"),
        ),
        (
            CatalogueEntry(event="x", contributions=(Contribution(lens=Lens.USAGE, stage=Stage.PRICING),)),
            ("contributions", "0", "lens"),
        ),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_by_name(
    wrong: CatalogueEntry, field: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput) as caught:
        check_entry(wrong)
    assert caught.value.field == field


def test_an_intent_contribution_without_a_signal_gets_the_events_name() -> None:
    entry = check_entry(
        CatalogueEntry(event=" ROI Calculator Opened ", contributions=(Contribution(lens=Lens.INTENT),))
    )
    assert (entry.event, entry.contributions[0].signal) == ("ROI Calculator Opened", "roi_calculator_opened")
