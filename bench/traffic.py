"""Made-up but life-like tracking traffic: people with e-mail addresses, anonymous visits, accounts, both panels."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_TRACKS = (
    ("Feature Used", lambda r: {"feature": r.choice(("reports", "export", "alerts", "boards", "search"))}),
    ("Signed In", lambda _: {}),
    ("Pricing Viewed", lambda r: {"plan": r.choice(("team", "business"))}),
    ("Product Viewed", lambda r: {"product_id": f"p{r.randrange(200)}", "price": r.randrange(5, 500)}),
    ("Order Completed", lambda r: {"order_id": f"o{r.randrange(10**9)}", "total": r.randrange(5, 900), "currency": "EUR"}),
    ("Support Ticket Opened", lambda r: {"ticket_id": f"t{r.randrange(10**6)}"}),
)


def events(count: int, *, people: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Tracking calls: 6 % identify, 2 % group, 20 % anonymous pages, the rest track, over the last 60 days."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    for number in range(count):
        person = rng.randrange(people)
        company = person % max(1, people // 20)
        at = now - timedelta(seconds=rng.randrange(60 * 86_400))
        call: dict[str, Any] = {
            "messageId": f"bench-{seed}-{number}",
            "timestamp": at.isoformat(),
            "anonymousId": f"anon-{person}",
            "context": {"library": {"name": "bench", "version": "1"}, "ip": "10.0.0.1"},
        }
        chance = rng.random()
        if chance < 0.06:
            traits = {"email": f"person{person}@company{company}.example.com", "name": f"Person {person}", "plan": "team"}
            call |= {"type": "identify", "userId": f"user-{person}", "traits": traits}
        elif chance < 0.08:
            traits = {"name": f"Company {company}", "employees": company * 3}
            call |= {"type": "group", "userId": f"user-{person}", "groupId": f"company-{company}", "traits": traits}
        elif chance < 0.28:
            call |= {"type": "page", "name": "Home", "properties": {"path": "/", "url": "https://shop.example/"}}
        else:
            name, properties = rng.choice(_TRACKS)
            call |= {"type": "track", "userId": f"user-{person}", "event": name, "properties": properties(rng)}
            call["context"]["groupId"] = f"company-{company}"
        yield call


def batches(calls: Iterator[dict[str, Any]], size: int) -> Iterator[bytes]:
    """Bodies of /v1/batch of `size` calls each."""
    group: list[dict[str, Any]] = []
    for call in calls:
        group.append(call)
        if len(group) == size:
            yield json.dumps({"batch": group}).encode()
            group = []
    if group:
        yield json.dumps({"batch": group}).encode()
