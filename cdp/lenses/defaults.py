"""The default catalogue, as data: events that tracking clients already send, spelled as they spell them.

Names are those of Segment's e-commerce and B2B-SaaS specifications, plus what a vendor of software or services sends
besides. A weight is what one event of its kind is worth on the day on which it happens; with the default half-life of
14 days and the default thresholds (WARM from 10, HOT from 40) the scale reads so:

| weight | kind of act | examples |
| --- | --- | --- |
| 0 | says something about the journey, nothing about wanting to buy | Product Removed, Order Refunded, Coupon Denied |
| 0.5 – 1 | looking around: ten of these make somebody WARM | Product List Viewed, Promotion Viewed |
| 2 – 3 | looking closely | Product Viewed (1.5), Product Added, Product Shared |
| 4 – 6 | weighing it up | Comparison Viewed, Pricing Viewed, Cart Viewed (3), Checkout Started |
| 8 – 12 | asking to be sold to; one makes somebody about WARM | Payment Info Entered, Trial Started, Demo Requested |
| 15 – 25 | committing | Quote Requested, Order Completed, Contract Signed |

Stages follow what the act is *about*: browsing is RESEARCH, putting things side by side is COMPARISON, prices, coupons
and carts are PRICING, quotes and checkout are NEGOTIATION (with a salesperson or with a form), paying is PURCHASE, and
what happens to a running contract is RENEWAL. Influence weighs acts that plausibly move *other* people's buying:
inviting, reviewing and referring (3), sharing (2), feedback (1).

Money: an order or a contract is one purchase, known by `order_id`, `orderId` or `contract_id`. A renewal under the same
id updates its total; one with an id of its own adds to it. Upgrades, downgrades and cancelled subscriptions are intent
and move no money: what was paid for them arrives as orders.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

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

# In their order; B is buying (PURCHASE) and W the renewal of a contract.
_A, _R, _C, _P, _N, _B, _W = Stage

INTENT: tuple[tuple[str, Stage, float, PurchaseEffect | None], ...] = (
    ("Products Searched", _R, 1.0, None),
    ("Product List Viewed", _A, 0.5, None),
    ("Product List Filtered", _R, 1.0, None),
    ("Promotion Viewed", _A, 0.5, None),
    ("Promotion Clicked", _A, 1.0, None),
    ("Product Clicked", _R, 1.0, None),
    ("Product Viewed", _R, 1.5, None),
    ("Product Added", _P, 3.0, None),
    ("Product Removed", _P, 0.0, None),
    ("Product Added to Wishlist", _C, 2.0, None),
    ("Product Removed from Wishlist", _C, 0.0, None),
    ("Wishlist Product Added to Cart", _P, 3.0, None),
    ("Comparison Viewed", _C, 4.0, None),
    ("Pricing Viewed", _P, 5.0, None),
    ("Demo Requested", _C, 12.0, None),
    ("Quote Requested", _N, 15.0, None),
    ("Cart Viewed", _P, 3.0, None),
    ("Coupon Entered", _P, 2.0, None),
    ("Coupon Applied", _P, 3.0, None),
    ("Coupon Denied", _P, 0.0, None),
    ("Coupon Removed", _P, 0.0, None),
    ("Checkout Started", _N, 6.0, None),
    ("Checkout Step Viewed", _N, 2.0, None),
    ("Checkout Step Completed", _N, 3.0, None),
    ("Payment Info Entered", _N, 8.0, None),
    ("Order Completed", _B, 20.0, PurchaseEffect.PURCHASE),
    ("Order Updated", _B, 0.0, PurchaseEffect.PURCHASE),
    ("Order Refunded", _B, 0.0, PurchaseEffect.REFUND),
    ("Order Cancelled", _B, 0.0, PurchaseEffect.CANCELLATION),
    ("Contract Signed", _B, 25.0, PurchaseEffect.PURCHASE),
    ("Subscription Renewed", _W, 20.0, PurchaseEffect.PURCHASE),
    ("Subscription Upgraded", _W, 12.0, None),
    ("Subscription Downgraded", _W, 2.0, None),
    ("Subscription Cancelled", _W, 0.0, None),
)
"""Event, stage, weight, effect on the purchases; the signal is the event's name in snake case."""

USAGE: tuple[tuple[str, tuple[Measure, ...], float], ...] = (
    ("Signed In", (Measure.SESSION,), 0.0),
    ("Signed Out", (), 0.0),
    ("Session Started", (Measure.SESSION,), 0.0),
    ("Training Started", (Measure.TRAINING_STARTED,), 0.0),
    ("Training Completed", (Measure.TRAINING_COMPLETED,), 0.0),
    ("Support Ticket Opened", (Measure.TICKET_OPENED,), 0.0),
    ("Support Ticket Closed", (Measure.TICKET_CLOSED,), 0.0),
    ("Account Added User", (Measure.INVITE,), 3.0),
    ("Account Removed User", (), 0.0),
    ("Invite Sent", (Measure.INVITE,), 3.0),
)
"""Event, measures, influence."""

BOTH: tuple[tuple[str, Stage | None, float, tuple[Measure, ...], float], ...] = (
    ("Signed Up", _R, 5.0, (), 0.0),
    ("Account Created", _R, 5.0, (), 0.0),
    ("Account Deleted", None, 0.0, (), 0.0),
    ("Trial Started", _C, 10.0, (Measure.TRIAL_STARTED,), 0.0),
    ("Trial Ended", _P, 2.0, (Measure.TRIAL_ENDED,), 0.0),
    ("Feedback Submitted", None, 1.0, (Measure.SATISFACTION,), 1.0),
    ("Review Submitted", None, 2.0, (Measure.SATISFACTION, Measure.REVIEW), 3.0),
    ("Product Reviewed", None, 2.0, (Measure.SATISFACTION, Measure.REVIEW), 3.0),
)
"""Event, stage, weight, measures, influence. An opinion speaks for no stage of the journey."""

SHARES: tuple[tuple[str, Stage | None, float, Measure, float], ...] = (
    ("Product Shared", _R, 2.0, Measure.SHARE, 2.0),
    ("Cart Shared", _P, 3.0, Measure.SHARE, 2.0),
    ("Referral Sent", None, 0.0, Measure.REFERRAL, 3.0),
)
"""Event, stage, weight, measure, influence: intent that also moves others, without being usage."""

PAGES: tuple[tuple[str, str, Stage, float], ...] = (
    ("/pricing", "pricing_viewed", _P, 5.0),
    ("/plans", "pricing_viewed", _P, 5.0),
    ("/demo", "demo_page_viewed", _C, 4.0),
    ("/compare", "comparison_viewed", _C, 4.0),
    ("/contact-sales", "contact_sales_viewed", _N, 6.0),
    ("/quote", "quote_page_viewed", _N, 6.0),
    ("/checkout", "checkout_page_viewed", _N, 3.0),
    ("/customers", "customer_stories_viewed", _R, 2.0),
    ("/case-studies", "customer_stories_viewed", _R, 2.0),
    ("/features", "features_page_viewed", _R, 1.5),
    ("/product", "product_page_viewed", _R, 1.5),
    ("/security", "security_page_viewed", _C, 2.0),
    ("/blog", "blog_viewed", _A, 0.5),
)
"""Start of a page's `path`, signal, stage, weight. Any other page is known, and counts for neither panel."""

PERSONALISATION = ("Personalisation Shown", "Personalisation Converted")
"""What a slot was filled with, and what came of it: known, and no evidence of intent or of usage."""

ONBOARDING = Contribution(
    lens=Lens.USAGE, key_property="step|step_name|name", measures=(Measure.ONBOARDING_STEP,)
)
FEATURE_USED = Contribution(
    lens=Lens.USAGE, key_property="feature|feature_name", measures=(Measure.ACTIVATION,)
)
"""The first use of any feature is the activation."""

SERVICE_CONTRACT = Condition(
    property="type", operator=ConditionOperator.IN, value=["service", "services", "professional_services"]
)
"""A Contract Signed whose property `type` says so is for services: evidence of the role CLIENT."""


def signal_of(event: str) -> str:
    """The signal that stands for an event where its entry names none: `Demo Requested` → `demo_requested`."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in event.casefold()).split())


def default_entries() -> tuple[CatalogueEntry, ...]:
    """The default catalogue: one entry per (event, conditions)."""
    return tuple(_entries())


def _entries() -> Iterator[CatalogueEntry]:
    for event, stage, weight, effect in INTENT:
        intent = _intent(event, stage, weight, purchase=effect)
        yield CatalogueEntry(event=event, contributions=(intent,))
        if event == "Contract Signed":
            service = structs.replace(intent, measures=(Measure.SERVICE_CONTRACT,))
            yield CatalogueEntry(event=event, conditions=(SERVICE_CONTRACT,), contributions=(service,))
    for event, measures, influence in USAGE:
        yield CatalogueEntry(event=event, contributions=(_usage(measures, influence),))
    for event, about, weight, measures, influence in BOTH:
        contributions = (_intent(event, about, weight), _usage(measures, influence))
        yield CatalogueEntry(event=event, contributions=contributions)
    for event, about, weight, measure, influence in SHARES:
        shared = _intent(event, about, weight, measures=(measure,), influence=influence)
        yield CatalogueEntry(event=event, contributions=(shared,))
    yield CatalogueEntry(event="Feature Used", contributions=(FEATURE_USED,))
    yield CatalogueEntry(event="Onboarding Step Completed", contributions=(ONBOARDING,))
    for event in ("Page Viewed", "Screen Viewed", *PERSONALISATION):
        yield CatalogueEntry(event=event)
    for path, signal, stage, weight in PAGES:
        condition = Condition(property="path", operator=ConditionOperator.STARTS_WITH, value=path)
        contribution = Contribution(lens=Lens.INTENT, stage=stage, weight=weight, signal=signal)
        yield CatalogueEntry(event="Page Viewed", conditions=(condition,), contributions=(contribution,))


def _intent(
    event: str,
    stage: Stage | None,
    weight: float,
    *,
    purchase: PurchaseEffect | None = None,
    measures: tuple[Measure, ...] = (),
    influence: float = 0.0,
) -> Contribution:
    return Contribution(
        lens=Lens.INTENT,
        stage=stage,
        weight=weight,
        signal=signal_of(event),
        purchase=purchase,
        measures=measures,
        influence=influence,
    )


def _usage(measures: tuple[Measure, ...], influence: float) -> Contribution:
    return Contribution(lens=Lens.USAGE, measures=measures, influence=influence)
