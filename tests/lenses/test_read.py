from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cdp.lenses.read import account_facts, membership_facts, profile_facts
from cdp.model import (
    AccountFacts,
    AccountId,
    AccountKind,
    FeatureUseFacts,
    Identifier,
    IntentLevel,
    ProfileId,
    SignalFacts,
    Stage,
    UsagePhase,
)


async def story(traffic: Any) -> None:
    """Ada (two identifiers, accounts 1 and 2) and Bo (no account)."""
    await traffic.person(1, (10, "user_id", "ada"), (11, "email", "ada@example.com"))
    await traffic.person(2, (20, "anonymous_id", "bo"))
    await traffic.account(1)
    await traffic.account(2, "HOUSEHOLD")
    await traffic.member(10, 1)
    await traffic.member(11, 2)
    feature = {"feature": "dash"}
    await traffic.tell(
        (traffic.event("Order Completed", {"order_id": "A", "total": "10.10"}, days=0.5), 10, 1),
        (traffic.event("Order Refunded", {"order_id": "A", "total": 0.1}, days=0.5), 11, 1),
        (traffic.event("Order Completed", {"order_id": "B", "total": 5, "currency": "EUR"}, days=0.5), 11, 2),
        (traffic.event("Pricing Viewed", days=0.5), 10, 1),
        (traffic.event("Pricing Viewed", days=0.5), 11, 1),
        (traffic.event("Feature Used", feature, days=2), 10, 1),
        (traffic.event("Feature Used", feature, days=1), 11, 2),
        (traffic.event("Support Ticket Opened", days=1), 11, 2),
        (traffic.event("Llama Groomed"), 20),
    )


async def test_profile_facts_hold_both_panels_over_all_accounts(traffic: Any, now: datetime) -> None:
    await story(traffic)
    workspace = await traffic.workspace()
    half_day = now - timedelta(days=0.5)
    async with traffic.database.connection(traffic.workspace_id) as connection:
        found = await profile_facts(connection, workspace, [ProfileId(n) for n in (1, 2, 3)], half_day)
    ada, bo = found[ProfileId(1)], found[ProfileId(2)]
    assert set(found) == {1, 2}
    assert ada.identifiers == (Identifier("user_id", "ada"), Identifier("email", "ada@example.com"))
    assert ada.intent.signals == (
        SignalFacts(name="order_completed", count=2, first_at=half_day, last_at=half_day, weight=40.0),
        SignalFacts(name="pricing_viewed", count=2, first_at=half_day, last_at=half_day, weight=10.0),
        SignalFacts(name="order_refunded", count=1, first_at=half_day, last_at=half_day, weight=0.0),
    )
    assert (
        ada.intent.score,
        ada.intent.level,
        ada.intent.stage,
        ada.intent.purchase_count,
        ada.intent.totals,
    ) == (
        50.0,
        IntentLevel.HOT,
        Stage.PURCHASE,
        2,
        {"EUR": Decimal(5), "USD": Decimal("10.0")},
    )
    assert ada.usage.features == (
        FeatureUseFacts(
            feature="dash", count=2, first_at=now - timedelta(days=2), last_at=now - timedelta(days=1)
        ),
    )
    assert (ada.usage.phase, ada.usage.active_days, ada.usage.measures) == (
        UsagePhase.ACTIVATED,
        2,
        {"ACTIVATION": 2, "TICKET_OPENED": 1},
    )
    assert (bo.intent.score, bo.intent.signals, bo.usage.phase, bo.display_name) == (
        0.0,
        (),
        UsagePhase.NONE,
        "bo",
    )


async def test_membership_facts_hold_what_happened_within_the_account(traffic: Any, now: datetime) -> None:
    await story(traffic)
    workspace = await traffic.workspace()
    async with traffic.database.connection(traffic.workspace_id) as connection:
        found = await membership_facts(connection, workspace, [ProfileId(1), ProfileId(2)], now)
        profiles = await profile_facts(connection, workspace, [ProfileId(1), ProfileId(2)], now)
    assert {
        place: (
            facts.account and facts.account.kind,
            facts.own,
            {signal.name: signal.count for signal in facts.intent.signals},
            facts.intent.totals,
            facts.usage.measures,
            facts.usage.active_days,
        )
        for place, facts in found.items()
    } == {
        (1, 1): (
            AccountKind.ORGANISATION,
            True,
            {"order_completed": 1, "order_refunded": 1, "pricing_viewed": 2},
            {"USD": Decimal("10.0")},
            {"ACTIVATION": 1},
            1,
        ),
        (1, 2): (
            AccountKind.HOUSEHOLD,
            True,
            {"order_completed": 1},
            {"EUR": Decimal(5)},
            {"ACTIVATION": 1, "TICKET_OPENED": 1},
            1,
        ),
        (2, 0): (None, True, {}, {}, {}, 0),
    }
    assert all(facts.profile == profiles[profile] for (profile, _), facts in found.items())


async def test_account_facts_add_up_the_people_in_it(traffic: Any, now: datetime) -> None:
    """Who only acted there is no member; what they bought there counts."""
    await story(traffic)
    await traffic.tell((traffic.event("Order Completed", {"total": 1}), 20, 1))
    workspace = await traffic.workspace()
    async with traffic.database.connection(traffic.workspace_id) as connection:
        found = await account_facts(connection, workspace, {AccountId(1), AccountId(9)}, now)
    assert found == {
        1: AccountFacts(
            account_id=AccountId(1), kind=AccountKind.ORGANISATION, purchase_count=2, member_count=1
        )
    }
