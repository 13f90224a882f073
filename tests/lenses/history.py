"""What happens in a workspace of the tests of history: random traffic, and the same as ingest writes it."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from cdp.lenses import store
from cdp.lenses.fold import fold
from cdp.lenses.reclassify import reclassify_some
from cdp.model import (
    AccountId,
    CatalogueEntry,
    Condition,
    Contribution,
    EventType,
    Lens,
    NodeId,
    ProfileId,
    PurchaseEffect,
    Stage,
)
from cdp.workspaces import change

NAMES = ("Pricing Viewed", "pricing viewed", "Signed In", "Feature Used", "Order Completed", "Order Refunded",
         "Identified", "Llama Groomed", "llama groomed", "Review Submitted", "Page Viewed")  # fmt: skip


async def random_traffic(traffic: Any, *, number: int = 150, seed: int = 5, over: float = 60) -> None:
    """Thirty people with two identifiers each, some in an account; several batches, over so many days."""
    source = random.Random(seed)
    for account in (1, 2):
        await traffic.account(account)
    for person in range(1, 31):
        await traffic.person(person, person * 10, person * 10 + 1)
        if person % 3:
            await traffic.member(person * 10, person % 3)
    for _ in range(4):
        batch = []
        for _ in range(number // 4):
            name = source.choice(NAMES)
            event = traffic.event(
                name,
                {
                    "order_id": source.choice(["A", "B"]),
                    "total": source.choice([10, 0.1, "7.50", None, "junk"]),
                    "feature": source.choice(["dash", "export"]),
                    "rating": source.choice([2, 4.5]),
                    "breed": source.choice(["suri", "huacaya"]),
                    "price": 1.0,
                    "ratio": -0.0,
                    "huge": 1e22,
                },
                days=source.random() * over,
                type=EventType.IDENTIFY if name == "Identified" else EventType.TRACK,
                context={"traits": {"city": source.choice(["Rome", None])}},
            )
            node = source.randint(1, 30) * 10 + source.randint(0, 1)
            batch.append((event, NodeId(node), AccountId(source.choice([0, 1, 2]))))
        await traffic.store(batch)


async def finish(traffic: Any, now: datetime, *, limit: int = 7) -> int:
    """Work off what waits; the answer is in how many chunks."""
    chunks = 1
    while await reclassify_some(traffic.database, traffic.workspace_id, now=now, limit=limit):
        chunks += 1
        assert chunks < 100
    return chunks


async def set_entry(traffic: Any, entry: CatalogueEntry, now: datetime) -> None:
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        await change.set_entry(connection, traffic.workspace_id, entry, now=now)


LLAMAS = CatalogueEntry(
    event="Llama Groomed",
    conditions=(Condition(property="breed", value="suri"),),
    contributions=(
        Contribution(lens=Lens.INTENT, weight=3, stage=Stage.PURCHASE, purchase=PurchaseEffect.PURCHASE),
        Contribution(lens=Lens.USAGE, feature="grooming", influence=2),
    ),
)


async def locked_tell(traffic: Any, event: Any, node: int) -> None:
    """As ingest does it: event and summaries in one transaction, under the profile's lock."""
    workspace = await traffic.workspace()
    async with traffic.database.transaction(traffic.workspace_id) as connection:
        await connection.execute(
            "SELECT 1 FROM profile WHERE workspace_id = $1 AND profile_id = $2 FOR NO KEY UPDATE",
            traffic.workspace_id,
            node // 10,
        )
        await connection.execute(
            "INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, intent, "
            "usage, source, properties, context) VALUES ($1, $2, $2, $3, 'track', $4, $5, true, false, 'tracking', "
            "'{}', '{}')",
            traffic.workspace_id,
            event.occurred_at,
            event.message_id,
            event.name,
            node,
        )
        summaries = fold([(event, NodeId(node), AccountId(0))], workspace)
        await store.combine(connection, traffic.workspace_id, summaries)
        await store.refresh(connection, traffic.workspace_id, [ProfileId(node // 10)])
