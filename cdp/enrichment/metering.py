"""Which calls of a provider may be made now: the decision, from what has been spent and called.

A call takes its place in the rate limit from when it is granted until a span after it ended: whenever within that the
provider counts it, it never counts more than the limit in any span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from cdp.model import Provider

FAILURES_TO_BLOCK = 5
"""After so many failed calls in a row a provider is left alone …"""
BLOCKED_FOR = timedelta(seconds=30)
"""… for so long; then one call decides."""
SOON = timedelta(seconds=1)
"""When to look again where a call that is under way has to end first."""


class Reason(StrEnum):
    """Why a call is not granted."""

    BUDGET = "BUDGET"
    """Of the day, or there is none in the provider's currency."""
    SUBJECT_BUDGET = "SUBJECT_BUDGET"
    """Of the person or the account in this month."""
    LIMIT = "LIMIT"
    """The provider's rate limit, its word that it wants to be left alone, or too many calls are under way."""
    BLOCKED = "BLOCKED"
    """The provider keeps failing."""


class Denied(Struct, frozen=True, kw_only=True):
    """A call that is not granted."""

    reason: Reason
    until: datetime
    """When it is worth asking again."""


class Standing(Struct, frozen=True, kw_only=True):
    """How a provider and the budget stand, read under their locks."""

    at: datetime
    under_way: int
    recent: int
    """Calls that have ended within the rate limit's span."""
    oldest_end: datetime | None
    """When the first of those ended."""
    failures_in_row: int
    blocked_until: datetime | None
    per_day: Decimal | None
    """None: there is no budget in this currency."""
    per_subject: Decimal | None
    spent: Decimal
    """Today, what is reserved included."""
    spent_on: Mapping[int, Decimal]
    """On each subject in this month."""


class Grant(Struct, frozen=True, kw_only=True):
    """What was decided."""

    granted: tuple[int, ...]
    denied: dict[int, Denied]


def grant(provider: Provider, standing: Standing, subjects: Sequence[int]) -> Grant:
    """Which of these subjects may be asked about now, in their order."""
    granted: list[int] = []
    denied: dict[int, Denied] = {}
    free, until = _room(provider, standing)
    spent = standing.spent
    for subject in subjects:
        refused = _over_budget(provider, standing, spent, standing.spent_on.get(subject, Decimal(0)))
        if refused is None and len(granted) >= free:
            refused = Denied(reason=_why(standing), until=until)
        if refused is not None:
            denied[subject] = refused
        else:
            granted.append(subject)
            spent += provider.cost
    return Grant(granted=tuple(granted), denied=denied)


def next_day(at: datetime) -> datetime:
    """When the budget of the day is whole again."""
    return _midnight(at.astimezone(UTC).date() + timedelta(days=1))


def next_month(at: datetime) -> datetime:
    """When the budgets of people and accounts are whole again."""
    day = at.astimezone(UTC).date().replace(day=1)
    return _midnight((day + timedelta(days=32)).replace(day=1))


def month_of(at: datetime) -> datetime:
    """When the month began."""
    return _midnight(at.astimezone(UTC).date().replace(day=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _blocked(standing: Standing) -> bool:
    return standing.blocked_until is not None and standing.blocked_until > standing.at


def _why(standing: Standing) -> Reason:
    return Reason.BLOCKED if standing.failures_in_row >= FAILURES_TO_BLOCK else Reason.LIMIT


def _room(provider: Provider, standing: Standing) -> tuple[int, datetime]:
    """How many calls may be made, and when it is worth asking again for more."""
    until = standing.at + SOON
    if standing.blocked_until is not None and _blocked(standing):
        return 0, standing.blocked_until
    rooms = []
    if provider.at_once is not None:
        rooms.append(provider.at_once - standing.under_way)
    if provider.rate_limit is not None:
        rooms.append(provider.rate_limit.calls - standing.under_way - standing.recent)
        if rooms[-1] <= 0 and standing.under_way == 0 and standing.oldest_end is not None:
            until = max(standing.at, standing.oldest_end + provider.rate_limit.per)
    if standing.failures_in_row >= FAILURES_TO_BLOCK:
        rooms.append(1 - standing.under_way)
    return max(0, min(rooms)) if rooms else _ANY, until


_ANY = 1_000_000_000


def _over_budget(provider: Provider, standing: Standing, spent: Decimal, spent_on: Decimal) -> Denied | None:
    if provider.cost == 0:
        return None
    if standing.per_day is None or spent + provider.cost > standing.per_day:
        return Denied(reason=Reason.BUDGET, until=next_day(standing.at))
    if standing.per_subject is not None and spent_on + provider.cost > standing.per_subject:
        return Denied(reason=Reason.SUBJECT_BUDGET, until=next_month(standing.at))
    return None
