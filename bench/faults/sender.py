"""One application that tracks with an unmodified Python SDK, and keeps a ledger of what was acknowledged.

    python sender.py SDK URL KEY LEDGER NAME

Makes calls until standard input ends. Every call names itself in its context. The SDK retries by itself; once its
`flush` is over, each call since the flush before has been acknowledged, unless `on_error` was told of it. Prints one
JSON object: how many calls were made, acknowledged and given up, and what the last error was.
"""

from __future__ import annotations

import importlib
import json
import logging
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

CLIENTS = {
    "segment-analytics-python": "segment.analytics.client",
    "rudder-sdk-python": "rudderstack.analytics.client",
}
PEOPLE = 500
"""Whom all senders track, so that they write about the same people at the same moment."""
PAUSE = 0.05


def main(sdk: str, url: str, key: str, ledger: str, name: str) -> None:
    logging.disable(logging.CRITICAL)
    given_up: dict[str, str] = {}

    def on_error(error: Exception, items: list[dict[str, Any]]) -> None:
        for item in items:
            given_up[item["context"]["call"]] = repr(error)

    client = importlib.import_module(CLIENTS[sdk]).Client(
        key, host=url, on_error=on_error, max_retries=1_000, timeout=10
    )
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    rng = random.Random(name)
    made = acknowledged = 0
    with Path(ledger).open("a") as file:
        while not ended.wait(PAUSE):
            round_ = [f"{name}-{made + number}" for number in range(rng.randint(1, 300))]
            for call in round_:
                make(client, rng, call)
            made += len(round_)
            client.flush()
            known = [call for call in round_ if call not in given_up]
            acknowledged += len(known)
            at = time.time()
            file.writelines(f"{at:.3f} {call}\n" for call in known)
            file.flush()
    said = {"made": made, "acknowledged": acknowledged, "given_up": len(given_up)}
    print(json.dumps(said | {"error": next(iter(given_up.values()), None)}))


def make(client: Any, rng: random.Random, call: str) -> None:
    """One call, of any kind, about anybody."""
    person = rng.randrange(PEOPLE)
    user, browser, context = f"user-{person}", f"anon-{person}", {"call": call}
    chance = rng.random()
    if chance < 0.1:
        traits = {"email": f"person{person}@company{person % 25}.example", "name": call}
        client.identify(user_id=user, anonymous_id=browser, traits=traits, context=context)
    elif chance < 0.13:
        client.group(
            user_id=user, group_id=f"company-{person % 25}", traits={"seats": person}, context=context
        )
    elif chance < 0.15:
        client.alias(previous_id=f"other-{rng.randrange(PEOPLE * 3)}", user_id=user, context=context)
    elif chance < 0.35:
        client.page(anonymous_id=browser, name="Pricing", context=context)
    elif chance < 0.4:
        order = {"order_id": call, "total": person, "currency": "EUR"}
        client.track(user_id=user, event="Order Completed", properties=order, context=context)
    else:
        feature = {"feature": rng.choice(("reports", "export"))}
        client.track(
            user_id=user,
            event="Feature Used",
            properties=feature,
            context=context | {"groupId": f"company-{person % 25}"},
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
