"""Made-up but life-like tracking traffic: people with e-mail addresses, anonymous visits, accounts, both panels."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_TRACKS = (
    ("Feature Used", lambda r: {"feature": r.choice(("reports", "export", "alerts", "boards", "search"))}),
    ("Signed In", lambda _: {}),
    ("Pricing Viewed", lambda r: {"plan": r.choice(("team", "business"))}),
    ("Product Viewed", lambda r: {"product_id": f"p{r.randrange(200)}", "price": r.randrange(5, 500)}),
    (
        "Order Completed",
        lambda r: {"order_id": f"o{r.randrange(10**9)}", "total": r.randrange(5, 900), "currency": "EUR"},
    ),
    ("Support Ticket Opened", lambda r: {"ticket_id": f"t{r.randrange(10**6)}"}),
)


def events(count: int, *, people: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Tracking calls of visits, interleaved: 200 people are active at any time, each for about eight calls.

    6 % identify, 2 % group, 20 % pages before signing in, the rest track within an account; over the last 60 days.
    """
    rng = random.Random(seed)
    now = datetime.now(UTC)
    visits = [_visit(rng, people, now) for _ in range(200)]
    for number in range(count):
        visit = visits[slot := rng.randrange(len(visits))]
        visit.left -= 1
        visit.at += timedelta(seconds=rng.randrange(1, 90))
        yield _call(rng, visit.person, company=visit.person % max(1, people // 20), at=visit.at) | {
            "messageId": f"bench-{seed}-{number}"
        }
        if not visit.left:
            visits[slot] = _visit(rng, people, now)


@dataclass(slots=True)
class _Visit:
    person: int
    at: datetime
    left: int


def _visit(rng: random.Random, people: int, now: datetime) -> _Visit:
    return _Visit(
        person=rng.randrange(people),
        at=now - timedelta(seconds=rng.randrange(3_600, 60 * 86_400)),
        left=rng.randrange(1, 16),
    )


def _call(rng: random.Random, person: int, *, company: int, at: datetime) -> dict[str, Any]:
    call: dict[str, Any] = {
        "timestamp": at.isoformat(),
        "anonymousId": f"anon-{person}",
        "context": {"library": {"name": "bench", "version": "1"}, "ip": "10.0.0.1"},
    }
    chance = rng.random()
    if chance < 0.06:
        traits = {
            "email": f"person{person}@company{company}.example.com",
            "name": f"Person {person}",
            "plan": "team",
        }
        return call | {"type": "identify", "userId": f"user-{person}", "traits": traits}
    if chance < 0.08:
        traits = {"name": f"Company {company}", "employees": company * 3}
        return call | {
            "type": "group",
            "userId": f"user-{person}",
            "groupId": f"company-{company}",
            "traits": traits,
        }
    if chance < 0.28:
        return call | {
            "type": "page",
            "name": "Home",
            "properties": {"path": "/", "url": "https://shop.example/"},
        }
    name, properties = rng.choice(_TRACKS)
    call["context"]["groupId"] = f"company-{company}"
    return call | {"type": "track", "userId": f"user-{person}", "event": name, "properties": properties(rng)}


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
