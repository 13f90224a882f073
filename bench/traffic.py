"""Made-up but life-like tracking traffic: people with e-mail addresses, anonymous visits, accounts, both panels."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

NEWCOMERS = 0.2
"""Share of visits by people who were never seen before."""

COLLEAGUES = 20
"""People of an account."""

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
_BROWSER = {
    "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
    "locale": "en-GB",
    "timezone": "Europe/Berlin",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "page": {"path": "/", "referrer": "", "search": "", "title": "Home", "url": "https://shop.example/"},
    "ip": "10.0.0.1",
}
_SERVER = {"library": {"name": "analytics-python", "version": "2.3.3"}, "ip": "10.0.0.1"}


REGULARS = 0.9
"""Share of those who come again that are among the active people, where these are told apart."""


def somebody(rng: random.Random, people: int, active: int | None) -> int:
    """Who comes again: one of the `active` people with the highest numbers for nine visits in ten, else anybody."""
    if active is not None and rng.random() < REGULARS:
        return people - rng.randrange(min(active, people))
    return rng.randint(1, people)


def events(
    count: int, *, people: int, seed: int = 1, newcomers: float = NEWCOMERS, active: int | None = None
) -> Iterator[dict[str, Any]]:
    """Tracking calls of visits, interleaved: 200 people are active at any time, each for about eight calls.

    6 % identify, 2 % group, 20 % pages before signing in, the rest track within an account; over the last 60 days.
    Who visits is one of `people` who come again and again (see `somebody`), numbered from 1, or new: other seeds have
    other newcomers.
    Twenty people with numbers in a row share an account.
    """
    rng = random.Random(seed)
    now = datetime.now(UTC)
    fresh = 1_000_000_000 + seed * 10_000_000

    def visit() -> _Visit:
        nonlocal fresh
        fresh += 1
        person = fresh if rng.random() < newcomers else somebody(rng, people, active)
        begin = now - timedelta(seconds=rng.randrange(3_600, 60 * 86_400))
        return _Visit(person=person, at=begin, left=rng.randrange(1, 16))

    visits = [visit() for _ in range(200)]
    for _ in range(count):
        one = visits[slot := rng.randrange(len(visits))]
        one.left -= 1
        one.at += timedelta(seconds=rng.randrange(1, 90))
        yield _call(rng, one.person, company=1 + (one.person - 1) // COLLEAGUES, at=one.at)
        if not one.left:
            visits[slot] = visit()


@dataclass(slots=True)
class _Visit:
    person: int
    at: datetime
    left: int


def _call(rng: random.Random, person: int, *, company: int, at: datetime) -> dict[str, Any]:
    call: dict[str, Any] = {
        "messageId": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "timestamp": at.isoformat(timespec="milliseconds"),
        "anonymousId": f"anon-{person}",
        "context": _SERVER,
    }
    chance = rng.random()
    if chance < 0.06:
        traits = {
            "email": f"person{person}@company{company}.example",
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
            "context": _BROWSER,
        }
    name, properties = rng.choice(_TRACKS)
    return call | {
        "type": "track",
        "userId": f"user-{person}",
        "event": name,
        "properties": properties(rng),
        "context": _SERVER | {"groupId": f"company-{company}"},
    }


def batches(calls: Iterable[dict[str, Any]], size: int) -> Iterator[bytes]:
    """Bodies of /v1/batch of `size` calls each."""
    group: list[dict[str, Any]] = []
    for call in calls:
        group.append(call)
        if len(group) == size:
            yield msgspec.json.encode({"batch": group})
            group = []
    if group:
        yield msgspec.json.encode({"batch": group})
