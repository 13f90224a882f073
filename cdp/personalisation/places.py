"""Within which membership a slot is filled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from cdp.access.scopes import Scope
from cdp.model import NO_ACCOUNT, AccountId, MembershipFacts, ProfileId
from cdp.roles.decide import Place


def places(
    facts: Mapping[Place, MembershipFacts],
    account_id: AccountId | None,
    granted: Collection[str],
    as_of: datetime,
) -> dict[ProfileId, Place]:
    """One membership a person: in the account that was asked for, or their most lively one."""
    if account_id is not None:
        return {place[0]: place for place in facts if place[1] == account_id}
    by_person: dict[ProfileId, list[Place]] = {}
    for place in facts:
        by_person.setdefault(place[0], []).append(place)
    return {
        person: max(those, key=lambda place: _liveliness(place, facts[place], granted, as_of))
        for person, those in by_person.items()
    }


def _liveliness(
    place: Place, facts: MembershipFacts, granted: Collection[str], as_of: datetime
) -> tuple[bool, bool, float, bool, int]:
    """Memberships that go on, then own ones, then by their last signal or use; the older account on a tie."""
    goes_on = facts.until is None or facts.until > as_of
    return goes_on, facts.own, _last_active(facts, granted), place[1] != NO_ACCOUNT, -place[1]


def _last_active(facts: MembershipFacts, granted: Collection[str]) -> float:
    """Unix time, as far as the reader may know: a hidden panel must not decide which account is shown."""
    times: list[datetime] = []
    if Scope.INTENT_READ in granted:
        times += [signal.last_at for signal in facts.intent.signals]
    if Scope.USAGE_READ in granted and facts.usage.last_used_at is not None:
        times.append(facts.usage.last_used_at)
    return max((time.timestamp() for time in times), default=0.0)
