"""Whatever the order, the repetition and the batching, and whoever was merged and split meanwhile: the same views.

And what is kept agrees with the events, as `cdp rebuild --check` compares them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.access.keys import create_key
from cdp.app import Application
from cdp.identity.merge import merge
from cdp.identity.profiles import find, nodes_of
from cdp.identity.split import split
from cdp.ingest import transaction
from cdp.ingest.decode import decode_batch
from cdp.ingest.results import Checked
from cdp.ingest.validate import Validator
from cdp.lenses import store as lenses
from cdp.lenses.rebuild import rebuild
from cdp.model import Event, Identifier, ProfileId, WorkspaceId
from cdp.workspaces.store import create

NOW = datetime.fromisoformat("2026-03-01T12:00:00Z")

ADA = {"userId": "ada", "anonymousId": "ada-laptop"}
BOB = {"userId": "bob", "anonymousId": "bob-laptop"}
BOB_IS = [
    Identifier("user_id", "bob"),
    Identifier("anonymous_id", "bob-laptop"),
    Identifier("anonymous_id", "bob-phone"),
    Identifier("email", "bob@acme.com"),
]
WHO_IS_WHO: list[dict[str, Any]] = [
    {"type": "identify", **ADA, "traits": {"email": "ada@acme.com", "name": "Ada"}},
    {"type": "identify", **BOB, "traits": {"email": "bob@acme.com", "name": "Bob"}},
    {"type": "alias", "userId": "bob", "previousId": "bob-phone"},
]
WHO = st.sampled_from(
    [
        {"userId": "ada"},
        {"anonymousId": "ada-laptop"},
        {"userId": "bob"},
        {"anonymousId": "bob-laptop"},
        {"anonymousId": "bob-phone"},
    ]
)
WHAT: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "track", "event": "Pricing Viewed"},
        {"type": "track", "event": "Feature Used", "properties": {"feature": "search"}},
        {"type": "track", "event": "Feature Used", "properties": {"feature": "export"}},
        {"type": "track", "event": "Order Completed", "properties": {"order_id": "o1", "total": 19.9}},
        {"type": "track", "event": "Order Updated", "properties": {"order_id": "o1", "total": 25}},
        {"type": "track", "event": "Order Refunded", "properties": {"order_id": "o1", "total": 5.5}},
        {"type": "track", "event": "Order Cancelled", "properties": {"order_id": "o2"}},
        {"type": "track", "event": "Order Completed", "properties": {"order_id": "o2", "total": 7, "currency": "EUR"}},
        {"type": "track", "event": "Feedback Submitted", "properties": {"nps": 9}},
        {"type": "track", "event": "Support Ticket Opened"},
        {"type": "track", "event": "Something Else"},
        {"type": "identify", "traits": {"plan": "free"}},
        {"type": "identify", "traits": {"plan": "pro"}},
        {"type": "group", "groupId": "acme", "traits": {"name": "Acme", "domain": "acme.com"}},
        {"type": "group", "groupId": "home", "traits": {"kind": "household"}},
    ]
)  # fmt: skip
WHERE = st.sampled_from([{}, {}, {"context": {"groupId": "acme"}}, {"context": {"groupId": "elsewhere"}}])
FACT = st.builds(
    lambda who, what, where, minutes: {
        **what,
        **who,
        **where,
        "timestamp": (NOW - timedelta(minutes=minutes)).isoformat(),
    },
    WHO,
    WHAT,
    WHERE,
    st.integers(0, 60 * 24 * 60),
)

VIEWS = """
    displayName traits identifiers { kind value }
    buyerIntent { score level stage furthestStage journey { stage firstAt lastAt count }
        signals { name count firstAt lastAt weight }
        purchases { count totals { currency amount } firstAt lastAt renewalDate } }
    usage { phase activeDays stickiness features { key count firstAt lastAt activeDays }
        support { opened closed open } satisfaction { nps csat } lastUsedAt }
    memberships { nodes { influence account { kind name domain traits alignment }
        buyerIntent { score signals { name count } purchases { totals { currency amount } } }
        usage { activeDays features { key count } } } }
    timeline(first: 200) { nodes { name occurredAt messageId lenses identifier { kind value } } }
"""
ASK = f"""{{ ada: profile(identifier: {{kind: "user_id", value: "ada"}}) {{ {VIEWS} }}
    bob: profile(identifier: {{kind: "user_id", value: "bob"}}) {{ {VIEWS} }} }}"""

_names = count()


@dataclass(slots=True)
class Place:
    """A workspace of its own, written to by the services and read through GraphQL."""

    application: Application
    client: httpx.AsyncClient
    workspace_id: WorkspaceId
    key: str

    @classmethod
    async def make(cls, application: Application, client: httpx.AsyncClient) -> Place:
        workspace_id = await create(application.database, f"any order {next(_names)}")
        return cls(
            application,
            client,
            workspace_id,
            await create_key(application.database, workspace_id, "ADMIN", "test"),
        )

    async def store(self, events: list[Event]) -> None:
        async with self.application.database.transaction(self.workspace_id) as connection:
            await transaction.lock(connection, self.workspace_id)
            workspace = await self.application.workspaces.fresh(connection, self.workspace_id)
            await transaction.store(connection, workspace, events, self.application.accumulator.kinds, NOW)

    async def join(self) -> None:
        """Bob goes into Ada, where both are known and two."""
        async with self.application.database.transaction(self.workspace_id) as connection:
            ada, bob = await self._both(connection)
            if ada is not None and bob is not None and ada != bob:
                survivor = await merge(
                    connection, self.workspace_id, ada, bob, by="test", reason=None, now=NOW
                )
                await lenses.refresh(connection, self.workspace_id, [survivor])

    async def part(self) -> None:
        """Bob leaves Ada, with all that is his, where they are one."""
        async with self.application.database.transaction(self.workspace_id) as connection:
            ada, bob = await self._both(connection)
            if ada is not None and ada == bob:
                kinds = self.application.accumulator.kinds
                held = {
                    identifier for _, identifier in await nodes_of(connection, self.workspace_id, ada, kinds)
                }
                leaving = [identifier for identifier in BOB_IS if identifier in held]
                sides = await split(
                    connection, self.workspace_id, ada, leaving, by="test", reason=None, now=NOW
                )
                await lenses.refresh(connection, self.workspace_id, sides)

    async def _both(self, connection: Any) -> tuple[ProfileId | None, ProfileId | None]:
        return (
            await find(connection, self.workspace_id, Identifier("user_id", "ada")),
            await find(connection, self.workspace_id, Identifier("user_id", "bob")),
        )

    async def views(self) -> dict[str, Any]:
        response = await self.client.post(
            "/graphql", json={"query": ASK}, headers={"Authorization": f"Bearer {self.key}"}
        )
        answer = response.json()
        assert "errors" not in answer, answer
        for person in answer["data"].values():
            _sort(person)
        data: dict[str, Any] = answer["data"]
        return data


def _sort(person: dict[str, Any]) -> None:
    """Lists in an order that does not tell who was stored first."""
    for listed in (person["identifiers"], person["memberships"]["nodes"], person["timeline"]["nodes"]):
        listed.sort(key=json.dumps)


def read(application: Application, items: list[dict[str, Any]]) -> list[Event]:
    """Items as ingest reads them, each with its number as message id."""
    numbered = [{**item, "messageId": f"m{number}"} for number, item in enumerate(items)]
    batch = decode_batch(json.dumps({"batch": numbered}).encode())
    validator = Validator(application.accumulator.kinds, "US")
    checked = [validator.check(item, batch, received_at=NOW, source="tracking") for item in batch.items]
    assert all(isinstance(check, Checked) for check in checked)
    return [check.event for check in checked if isinstance(check, Checked)]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    facts=st.lists(FACT, min_size=1, max_size=8),
    together=st.booleans(),
    data=st.data(),
)
async def test_order_repetition_batches_merges_and_splits_do_not_change_the_views(
    application, client, facts, together, data
):
    events = read(application, [*WHO_IS_WHO, *facts])

    straight = await Place.make(application, client)
    await straight.store(events)
    if together:
        await straight.join()

    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    winding = await Place.make(application, client)
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)), label="batch")
        await winding.store(shuffled[:size])
        shuffled = shuffled[size:]
        step = data.draw(st.sampled_from(["go on", "join", "part"]), label="then")
        if step == "join":
            await winding.join()
        elif step == "part":
            await winding.part()
    await (winding.join() if together else winding.part())

    assert await winding.views() == await straight.views()
    for place in (winding, straight):
        report = await rebuild(application.database, place.workspace_id, check=True, now=NOW)
        assert report.differences == {}
