"""Summaries in PostgreSQL, and the rows of profiles and memberships that are derived from them."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta
from typing import Any

from cdp.db.pool import Database
from cdp.lenses import store
from cdp.lenses.fold import Item
from cdp.model import AccountId, EventType, NodeId, ProfileId, WorkspaceId

NAMES = (
    "Pricing Viewed", "Signed In", "Signed Up", "Order Completed", "Order Updated", "Order Refunded",
    "Order Cancelled", "Feature Used", "Onboarding Step Completed", "Review Submitted", "Identified", "Llama Groomed",
    "Contract Signed", "Invite Sent",
)  # fmt: skip


def random_items(traffic: Any, source: random.Random, number: int) -> list[Item]:
    def item() -> Item:
        name = source.choice(NAMES)
        properties = {
            "order_id": source.choice(["A", "B", "C"]),
            "total": source.choice([10, "19.99", 0.1, None, "junk", 1e300]),
            "currency": source.choice(["USD", "eur", None]),
            "feature": source.choice(["dash", "export"]),
            "step": source.choice(["invite", "import"]),
            "rating": source.choice([1, 5]),
            "name": source.choice(["Ada", "Grace", None]),
        }
        event = traffic.event(
            name,
            properties,
            days=source.choice([-200, 0, 0.5, 3, 90, 500, 3000]) + source.random(),
            type=EventType.IDENTIFY if name == "Identified" else EventType.TRACK,
        )
        return event, NodeId(source.choice([10, 11, 20])), AccountId(source.choice([0, 1, 2]))

    return [item() for _ in range(number)]


async def people(traffic: Any) -> None:
    """Profile 1 has two nodes, profile 2 one; both are members of account 1."""
    await traffic.person(1, 10, 11)
    await traffic.person(2, 20)
    for account in (1, 2):
        await traffic.account(account)
    for node in (10, 20):
        await traffic.member(node, 1)


async def test_any_order_and_any_batching_give_the_same_rows(traffic: Any) -> None:
    """To the last digit, in every table, whatever the order in which batches arrive."""
    await people(traffic)
    source = random.Random(7)
    items = random_items(traffic, source, 120)
    results = []
    for _ in range(4):
        for table in ("membership", "summary_tally", "summary_day", "summary_register", "summary_order"):
            await traffic.execute(f"DELETE FROM {table} WHERE workspace_id = $1")
        await traffic.execute("UPDATE profile SET traits = '{}' WHERE workspace_id = $1")
        source.shuffle(items)
        rest = list(items)
        while rest:
            size = source.randint(1, 40)
            batch, rest = rest[:size], rest[size:]
            await traffic.store(batch, keep=False)
        results.append(await traffic.tables())
    assert all(len(rows) > 1 for rows in results[0].values())
    assert results[1:] == results[:1] * 3


async def test_a_profile_row_tells_both_panels(traffic: Any, now: datetime) -> None:
    """Every column, from a handful of events on two identifiers."""
    await traffic.person(1, (10, "user_id", "U-1"), (11, "email", "ada@example.com"))
    await traffic.tell(
        (traffic.event("Pricing Viewed", days=20), 10),
        (traffic.event("Order Completed", {"total": 5}, days=3), 11),
        (traffic.event("Feature Used", {"feature": "dash"}, days=500), 10),
        (traffic.event("Feature Used", {"feature": "dash"}, days=2), 10),
        (traffic.event("Feature Used", {"feature": "export"}, days=2), 11),
        (traffic.event("Signed In", days=1), 10),
        (
            traffic.event(
                "Identified",
                {"firstName": "Ada", "lastName": "Lovelace", "plan": "pro"},
                type=EventType.IDENTIFY,
            ),
            10,
        ),
    )
    row = await traffic.profile(1)
    decayed = {"pricing": 5 * 2 ** -((20 - 0.5) / 14), "order": 20 * 2 ** -((3 - 0.5) / 14)}
    assert abs(row.pop("intent_rank") - sum(decayed.values())) < 1e-9
    assert json.loads(row.pop("traits")) == {"firstName": "Ada", "lastName": "Lovelace", "plan": "pro"}
    last = {key: datetime.fromisoformat(at) for key, at in json.loads(row.pop("feature_last")).items()}
    assert last == {"dash": now - timedelta(days=2), "export": now - timedelta(days=2)}
    expected = {
        "display_name": "Ada Lovelace",
        "search_text": "ada lovelace\nu-1\nada@example.com",
        "first_seen_at": now - timedelta(days=500),
        "last_seen_at": now,
        "intent_last_at": now - timedelta(days=3),
        "stage": "PURCHASE",
        "furthest_stage": "PURCHASE",
        "purchase_count": 1,
        "last_purchase_at": now - timedelta(days=3),
        "usage_first_at": now - timedelta(days=500),
        "last_used_at": now - timedelta(days=1),
        "activated_at": now - timedelta(days=500),
        # The first use is more than 400 days before the last one.
        "used_days": [date(2026, 11, 18), date(2026, 11, 19)],
    }
    assert {name: row[name] for name in expected} == expected


async def test_a_person_is_called_by_name_then_address_then_strongest_identifier(traffic: Any) -> None:
    await traffic.person(1, (10, "anonymous_id", "a-1"))
    await traffic.person(2, (20, "anonymous_id", "a-2"), (21, "phone", "+4930123"))
    await traffic.person(3, (30, "user_id", "u-3"), (31, "email", "grace@example.com"))
    await traffic.person(4, (40, "user_id", "u-4"))
    identify = traffic.event(
        "Identified", {"name": "  ", "email": "mail@example.com"}, type=EventType.IDENTIFY
    )
    await traffic.tell((identify, 40))
    await traffic.refresh([10, 20, 30])
    names = [(await traffic.profile(number))["display_name"] for number in (1, 2, 3, 4)]
    assert names == ["a-1", "+4930123", "grace@example.com", "mail@example.com"]


async def test_the_last_writer_wins_a_trait_across_identifiers_and_null_takes_it_away(traffic: Any) -> None:
    await traffic.person(1, 10, 11)
    newer = traffic.event("Identified", {"plan": "team", "city": None}, days=1, type=EventType.IDENTIFY)
    older = traffic.event("Identified", {"plan": "free", "city": "Rome"}, days=2, type=EventType.IDENTIFY)
    await traffic.tell((newer, 10))
    await traffic.tell((older, 11))
    assert json.loads((await traffic.profile(1))["traits"]) == {"plan": "team"}


async def test_of_equally_strong_stages_the_later_one_is_current(traffic: Any) -> None:
    """RESEARCH, PRICING and NEGOTIATION weigh 6 each; PURCHASE was reached, and weighs nothing."""
    await traffic.person(1, 10)
    await traffic.tell(
        *((traffic.event("Cart Viewed"), 10) for _ in range(2)),
        *((traffic.event("Checkout Step Completed"), 10) for _ in range(2)),
        *((traffic.event("Product Viewed"), 10) for _ in range(4)),
        (traffic.event("Order Cancelled"), 10),
    )
    row = await traffic.profile(1)
    assert (row["stage"], row["furthest_stage"]) == ("NEGOTIATION", "PURCHASE")


async def test_an_old_stage_gives_way_to_a_fresh_one(traffic: Any) -> None:
    """The journey is not linear: who bought long ago and browses today is in RESEARCH again."""
    await traffic.person(1, 10)
    await traffic.tell(
        (traffic.event("Order Completed", days=100), 10), (traffic.event("Product Viewed", days=0), 10)
    )
    row = await traffic.profile(1)
    assert (row["stage"], row["furthest_stage"]) == ("RESEARCH", "PURCHASE")


async def test_an_order_told_through_several_identifiers_is_one(traffic: Any, now: datetime) -> None:
    """The latest total stands, refunds add up, and what goes back whole is no purchase."""
    await traffic.person(1, 10, 11)
    await traffic.tell(
        (traffic.event("Order Completed", {"order_id": "A", "total": 30}, days=5), 10),
        (traffic.event("Order Completed", {"order_id": "B", "total": 9}, days=4), 10),
        (traffic.event("Order Completed", {"order_id": "C", "total": 9}, days=3), 10),
        (traffic.event("Order Completed", {"order_id": "D", "total": 9}, days=2), 10),
    )
    await traffic.tell(
        (traffic.event("Order Updated", {"order_id": "A", "total": 20}, days=4), 11),
        (traffic.event("Order Refunded", {"order_id": "A", "total": 19}, days=1), 11),
        (traffic.event("Order Refunded", {"order_id": "B"}, days=1), 11),
        (traffic.event("Order Cancelled", {"order_id": "C"}, days=1), 11),
        (traffic.event("Order Refunded", {"order_id": "D", "total": 4}, days=1), 11),
        (traffic.event("Order Refunded", {"order_id": "D", "total": 5}, days=1), 10),
        (traffic.event("Order Refunded", {"order_id": "never placed", "total": 5}, days=1), 10),
    )
    row = await traffic.profile(1)
    assert (row["purchase_count"], row["last_purchase_at"]) == (1, now - timedelta(days=5))


async def test_onboarding_that_is_done_activates_without_an_activation_event(
    traffic: Any, now: datetime
) -> None:
    await traffic.execute(
        "UPDATE workspace SET settings = $2 WHERE workspace_id = $1",
        json.dumps({"onboarding_steps": ["import", "invite"]}),
    )
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Onboarding Step Completed", {"step": "import"}, days=3), 10))
    before = (await traffic.profile(1))["activated_at"]
    await traffic.tell(
        (traffic.event("Onboarding Step Completed", {"step": "invite"}, days=2), 10),
        (traffic.event("Onboarding Step Completed", {"step": "invite"}, days=1), 10),
    )
    assert (before, (await traffic.profile(1))["activated_at"]) == (None, now - timedelta(days=2))


async def test_a_node_that_moves_takes_its_facts_along_and_back(traffic: Any) -> None:
    """Merging and splitting move nodes, not events; both sides read afterwards as if nothing had been."""
    await people(traffic)
    await traffic.store(random_items(traffic, random.Random(3), 60))
    before = await traffic.tables()
    await traffic.execute("UPDATE node SET profile_id = 1 WHERE workspace_id = $1 AND node_id = 20")
    await traffic.execute("UPDATE profile SET merged_into = 1 WHERE workspace_id = $1 AND profile_id = 2")
    await traffic.refresh([10])
    assert await traffic.memberships(2) == {}
    merged = await traffic.profile(1)
    assert merged["search_text"].endswith("u10\nu11\nu20")
    await traffic.execute("UPDATE profile SET merged_into = NULL WHERE workspace_id = $1 AND profile_id = 2")
    await traffic.execute("UPDATE node SET profile_id = 2 WHERE workspace_id = $1 AND node_id = 20")
    await traffic.refresh([10, 20])
    assert await traffic.tables() == before


async def test_a_refresh_that_changes_nothing_writes_nothing(traffic: Any, superuser: Any) -> None:
    """Rows keep their version, so nothing is there to be vacuumed."""
    await people(traffic)
    await traffic.store(random_items(traffic, random.Random(3), 40))
    versions = "SELECT xmin::text FROM profile UNION ALL SELECT xmin::text FROM membership"
    before = sorted(await superuser.fetch(versions))
    await traffic.refresh([10, 11, 20])
    assert sorted(await superuser.fetch(versions)) == before


async def test_other_workspaces_are_left_alone(
    traffic: Any, database: Database, other_workspace: WorkspaceId
) -> None:
    """The same ids may exist in both."""
    other = type(traffic)(database, other_workspace)
    for each in (traffic, other):
        await each.person(1, 10)
        await each.tell((each.event("Pricing Viewed"), 10))
    before = await other.tables()
    await traffic.tell((traffic.event("Pricing Viewed"), 10))
    async with database.transaction(traffic.workspace_id) as connection:
        await store.refresh(connection, traffic.workspace_id, [ProfileId(1), ProfileId(99)])
    assert await other.tables() == before
