"""An account with three people, and what happens to them in one panel that must not show in the other."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.app import Application
from tests.security.conftest import Side, track

PEOPLE = ("ann", "bob", "cid")


def at(day: int, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same on a day of November."""
    return [{**one, "timestamp": f"2026-11-{day:02}T10:00:00Z"} for one in events]


def inside(who: str, event: str, **properties: Any) -> dict[str, Any]:
    """Something that somebody does within the account."""
    return track(who, event, properties=properties, context={"groupId": "works"})


INTENT = [
    *at(19, [inside("cid", "Pricing Viewed") for _ in range(7)]),
    *at(
        18,
        [
            inside("cid", "Product Shared"),
            inside("cid", "Demo Requested"),
            inside("bob", "Products Searched"),
        ],
    ),
    *at(2, [inside("cid", "Product Viewed"), inside("ann", "Pricing Viewed")]),
    *at(
        19, [inside("ann", "Order Completed", order_id=f"o-{n}", total=900, currency="EUR") for n in range(8)]
    ),
    *at(19, [{"type": "page", "userId": "cid", "properties": {"path": "/pricing"}}]),
]
"""Of people whose roles stay as they are."""

USAGE = [
    *at(19, [inside("cid", "Feature Used", feature="export") for _ in range(7)]),
    *at(18, [inside("cid", "Feature Used", feature=name) for name in ("import", "share", "print", "sign")]),
    *at(17, [inside("cid", "Signed In"), inside("bob", "Invite Sent"), inside("bob", "Invite Sent")]),
    *at(2, [inside("ann", "Signed In"), inside("cid", "Onboarding Step Completed", step="first")]),
    *at(16, [inside("cid", "Support Ticket Opened"), inside("ann", "Training Started")]),
]


@pytest.fixture
async def works(ours: Side, application: Application) -> Side:
    """An account with three people, each with something in both panels."""
    told: list[dict[str, Any]] = []
    for who in PEOPLE:
        told += [
            {"type": "identify", "userId": who, "anonymousId": f"visitor-{who}", "traits": {"plan": "pro"}},
            {"type": "group", "userId": who, "groupId": "works", "traits": {"domain": "works.example"}},
            inside(who, "Signed In"),
            inside(who, "Feature Used", feature="export"),
            inside(who, "Pricing Viewed"),
            inside(who, "Product Shared"),
        ]
    told += [
        inside("bob", "Invite Sent"),
        inside("ann", "Order Completed", order_id="o", total=9, currency="EUR"),
    ]
    await ours.tell(*at(10, told))
    await settle(application)
    return ours


async def settle(application: Application) -> None:
    while await application.worker.settle_once():
        pass
