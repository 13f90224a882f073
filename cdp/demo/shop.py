"""The `shop` clickstream as the e-commerce events that tracking clients send.

The shop knows neither names nor amounts nor accounts, and none are made up: people are their ids, orders have no total.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cdp.demo.tables import Item, Row, read

LAST_DAY = date(2024, 6, 29)
"""The last day of the data."""

_PAGES = {"home": "/", "account_page": "/account", "review_page": "/reviews"}
_EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "promo_page": ("Promotion Viewed", {}),
    "product_view": ("Product Viewed", {}),
    "catalog": ("Product List Viewed", {}),
    "filter_results": ("Product List Filtered", {}),
    "search": ("Products Searched", {}),
    "compare": ("Comparison Viewed", {}),
    "add_to_cart": ("Product Added", {}),
    "cart": ("Cart Viewed", {}),
    "shipping_details": ("Checkout Step Viewed", {"step": "shipping"}),
    "payment_details": ("Payment Info Entered", {}),
    "wishlist_add": ("Product Added to Wishlist", {}),
    "purchase": ("Order Completed", {}),
    "support_chat": ("Support Ticket Opened", {"channel": "chat"}),
    # No event of the default catalogue means these: they are kept, and listed as unclassified.
    "error_page": ("Error Shown", {}),
    "payment_error": ("Payment Failed", {}),
    "checkout_bug": ("Checkout Failed", {}),
}


def items() -> Iterator[Item]:
    """Everything that the clickstream says, in the order of its rows."""
    known: set[str] = set()
    for place, row in enumerate(read("shop/events")):
        moment = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        if row["user_id"] not in known:
            known.add(row["user_id"])
            yield _person(row, moment - timedelta(seconds=1))
        yield _step(row, moment, place)


def _person(row: Row, moment: datetime) -> Item:
    columns = ("acquisition_channel", "user_cohort", "user_lifecycle")
    return {
        "type": "identify",
        "messageId": f"demo:shop:{row['user_id']}:person",
        "timestamp": moment,
        "userId": row["user_id"],
        "traits": {column: row[column] for column in columns},
    }


def _step(row: Row, moment: datetime, place: int) -> Item:
    common: Item = {
        "messageId": f"demo:shop:{place}",
        "timestamp": moment,
        "userId": row["user_id"],
        "context": {"sessionId": row["session_id"], "device": {"type": row["platform"]}},
    }
    if path := _PAGES.get(row["event"]):
        return {**common, "type": "page", "properties": {"path": path}}
    name, properties = _EVENTS[row["event"]]
    if row["event"] in {"purchase", "support_chat"}:
        properties = {
            **properties,
            "order_id" if row["event"] == "purchase" else "ticket_id": f"{row['session_id']}-{place}",
        }
    return {**common, "type": "track", "event": name, "properties": properties}
