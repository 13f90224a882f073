"""One Python tracking SDK at work, unmodified but for its host.

    python send.py SDK URL KEY calls     every call once, then a batch; ends when the SDK says that all is sent
    python send.py SDK URL KEY steadily  numbered track calls until standard input ends; prints how many

Prints one JSON object at the end: how many numbered calls were made, and what the SDK called errors.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

CLIENTS = {
    "segment-analytics-python": "segment.analytics.client",
    "rudder-sdk-python": "rudderstack.analytics.client",
    "analytics-python": "analytics.client",
}
PAUSE = 0.05


def calls(client: Any) -> int:
    """Every call once, as the SDK's documentation shows it, and a hundred more."""
    client.identify(
        "u1", {"email": "Ann@Example.com", "name": "Ann", "createdAt": datetime(2026, 1, 2, tzinfo=UTC)}
    )
    client.identify(anonymous_id="anon-2", traits={"email": "bob@example.com"})
    client.track(
        "u1",
        "Order Completed",
        {"order_id": "o1", "total": 12.5},
        timestamp=datetime(2026, 1, 5, 12, tzinfo=UTC),
        context={"ip": "10.0.0.1"},
    )
    client.page("u1", "Docs", "Pricing", {"url": "https://shop.example/pricing"})
    client.screen("u1", "App", "Home", {"variation": "blue"})
    client.group("u1", "acct-9", {"name": "Initech", "plan": "pro"})
    client.alias("anon-1", "u1")
    for number in range(100):
        client.track(f"u{number % 10}", "Feature Used", {"number": number, "feature": "export"})
    return 100


def steadily(client: Any) -> int:
    """Numbered calls, until standard input ends."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    number = 0
    while not ended.wait(PAUSE):
        client.track(f"u{number % 7}", "Feature Used", {"number": number})
        number += 1
    return number


def main(sdk: str, url: str, key: str, what: str) -> None:
    """Do it."""
    errors: list[str] = []
    client = importlib.import_module(CLIENTS[sdk]).Client(
        key, host=url, on_error=lambda error, items: errors.append(f"{error!r} for {len(items)} items")
    )
    scenario: Callable[[Any], int] = {"calls": calls, "steadily": steadily}[what]
    made = scenario(client)
    client.flush()
    client.join()
    print(json.dumps({"made": made, "errors": errors}))


if __name__ == "__main__":
    main(*sys.argv[1:])
