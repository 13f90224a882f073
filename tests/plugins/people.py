"""Facts about people, for plugins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cdp.model import (
    AccountFacts,
    AccountId,
    AccountKind,
    IntentFacts,
    MembershipFacts,
    ProfileFacts,
    ProfileId,
    SignalFacts,
    UsageFacts,
)

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FIRM = AccountFacts(account_id=AccountId(1), kind=AccountKind.ORGANISATION)
FAMILY = AccountFacts(account_id=AccountId(2), kind=AccountKind.HOUSEHOLD)


def signal(name: str, count: int = 1, *, days_ago: int = 0, weight: float = 1.0) -> SignalFacts:
    at = NOW - timedelta(days=days_ago)
    return SignalFacts(name=name, count=count, first_at=at, last_at=at, weight=weight)


def usage(days: int, **changes: Any) -> UsageFacts:
    """So many days of use, today the last."""
    used: tuple[date, ...] = tuple((NOW - timedelta(days=ago)).date() for ago in reversed(range(days)))
    values: dict[str, Any] = {
        "used_days": used,
        "active_days": days,
        "first_used_at": NOW - timedelta(days=days - 1) if days else None,
        "last_used_at": NOW if days else None,
    }
    return UsageFacts(**(values | changes))


def person(
    *,
    traits: dict[str, Any] | None = None,
    account: AccountFacts | None = FIRM,
    own: bool = True,
    intent: IntentFacts | None = None,
    usage: UsageFacts | None = None,
) -> MembershipFacts:
    intent, usage = intent or IntentFacts(), usage or UsageFacts()
    profile = ProfileFacts(
        profile_id=ProfileId(1),
        display_name=None,
        identifiers=(),
        traits=traits or {},
        intent=intent,
        usage=usage,
        as_of=NOW,
    )
    return MembershipFacts(
        profile=profile,
        account=account,
        own=own,
        intent=intent,
        usage=usage,
        since=None,
        until=None,
        as_of=NOW,
    )
