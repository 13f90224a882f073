"""Google Analytics 4: recommended events, https://developers.google.com/analytics/devguides/collection/ga4/reference/events."""

from __future__ import annotations

from msgspec import structs

from cdp.model import Classification, Event

COUNTS_AS = {
    "add_payment_info": "Payment Info Entered",
    "add_to_cart": "Product Added",
    "add_to_wishlist": "Product Added to Wishlist",
    "begin_checkout": "Checkout Started",
    "generate_lead": "Demo Requested",
    "login": "Signed In",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "remove_from_cart": "Product Removed",
    "search": "Products Searched",
    "select_item": "Product Clicked",
    "share": "Product Shared",
    "sign_up": "Signed Up",
    "tutorial_complete": "Training Completed",
    "tutorial_begin": "Training Started",
    "video_complete": "Video Content Completed",
    "video_start": "Video Content Started",
    "view_cart": "Cart Viewed",
    "view_item": "Product Viewed",
    "view_item_list": "Product List Viewed",
    "view_promotion": "Promotion Viewed",
    "view_search_results": "Products Searched",
}
"""By the name that Google gave it."""

CLASSIFICATIONS = {
    name: Classification(counts_as=known, reason=f"{name} is what Google Analytics calls {known}.")
    for name, known in COUNTS_AS.items()
}

_WITH_ORDERS = frozenset({"purchase", "refund"})


def with_order_id(event: Event) -> Event | None:
    """The event with its `transaction_id` as `order_id` too; None: there is nothing to add."""
    properties = event.properties
    if event.name not in _WITH_ORDERS or "order_id" in properties or "transaction_id" not in properties:
        return None
    return structs.replace(event, properties={**properties, "order_id": properties["transaction_id"]})
