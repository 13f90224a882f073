"""Workspaces with a word of its own in each panel, told through the real ingest path."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from cdp.model import WorkspaceId
from tests.fuzz.judging import FIGURES, word

NOW = datetime.now(UTC)
PEOPLE = 6


@dataclass
class Side:
    """A workspace and its keys, asked over a socket."""

    name: str
    client: httpx.Client
    workspace_id: WorkspaceId
    keys: dict[str, str] = field(repr=False)

    def post(
        self, document: str, variables: dict[str, Any] | None = None, *, role: str = "ADMIN"
    ) -> httpx.Response:
        """A GraphQL request."""
        return self.client.post(
            "/graphql",
            json={"query": document, "variables": variables or {}},
            headers={"Authorization": f"Bearer {self.keys[role]}"},
        )

    def data(self, document: str) -> dict[str, Any]:
        """The data of an answer without errors, to an administrator."""
        answer = self.post(document).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]  # type: ignore[no-any-return]


def plant(side: Side) -> None:
    """People, accounts and what they did; slots, variants and a feature; all with words in their places."""
    side.data(
        f"""mutation {{ featureDefine(input: {{ key: "export" }}) {{ userErrors {{ message }} }}
          personalisationSlotDefine(input: {{ name: "hero" }}) {{ userErrors {{ message }} }}
          a: personalisationVariantSet(input: {{ slot: "hero", name: "{word(side.name, "intent")} a", content: {{}},
            lens: INTENT }}) {{ userErrors {{ message }} }}
          b: personalisationVariantSet(input: {{ slot: "hero", name: "{word(side.name, "usage")} b", content: {{}},
            lens: USAGE }}) {{ userErrors {{ message }} }} }}"""
    )
    items = list(_items(side.name))
    answer = side.client.post("/v1/batch", json={"batch": items}, auth=(side.keys["ADMIN"], "")).json()
    assert (answer["accepted"], answer["refused"]) == (len(items), []), answer
    _wait_until_settled(side)


def _wait_until_settled(side: Side) -> None:
    """Roles are resolved after the commit."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = side.data(
            '{ profiles(first: 1, where: { memberships: { some: { role: { eq: "END_USER" } } } }) { nodes { id } } }'
        )
        if found["profiles"]["nodes"]:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was settled")


def _items(side: str) -> Iterator[dict[str, Any]]:
    intent, usage, personal, open_ = (word(side, panel) for panel in ("intent", "usage", "personal", "open"))
    for number in range(PEOPLE):
        who = {"userId": f"{side}-{number}"}
        at = (NOW - timedelta(days=number, hours=1)).isoformat()
        yield {
            "type": "identify",
            **who,
            "anonymousId": f"{personal}-{number}",
            "timestamp": at,
            "traits": {
                "name": f"{personal} {number}",
                "firstName": personal,
                "email": f"{personal}{number}@works-{number}.com",
                "address": {"street": personal},
                "plan": open_,
            },
        }
        yield {
            "type": "group",
            **who,
            "groupId": f"{side}-{number % 2}",
            "timestamp": at,
            "traits": {"name": f"{open_} {number % 2}", "domain": f"{open_}-{number % 2}.com"},
        }
        if number % 3 != 1:
            yield _track(who, at, "Pricing Viewed", {"plan": intent})
            yield _track(who, at, "Product Viewed", {"product_id": intent, "name": intent})
            yield _track(who, at, f"Custom {open_}", {"a": open_})
        if number % 3 != 2:
            yield _track(who, at, "Feature Used", {"feature": usage})
            yield _track(who, at, "Onboarding Step Completed", {"step": usage})
            yield _track(who, at, "Support Ticket Opened", {"ticket_id": usage, "subject": usage})
            yield _track(who, at, "Training Started", {"course": usage})
    shown = {"slot": "hero", "variant": f"{intent} a"}
    yield _track({"userId": f"{side}-0"}, NOW.isoformat(), "Personalisation Shown", shown)
    paid = {"order_id": intent, "total": FIGURES[side, "intent"], "currency": "eur"}
    yield _track({"userId": f"{side}-0"}, NOW.isoformat(), "Order Completed", paid)


def _track(who: dict[str, str], at: str, event: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", **who, "timestamp": at, "event": event, "properties": properties}
