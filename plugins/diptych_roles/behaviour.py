"""What somebody did here, which says more than any title."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cdp.model import IntentFacts, Measure, MembershipFacts, Role, UsageFacts, UsagePhase
from diptych_roles.grounds import Ground

TRIAL = timedelta(days=45)
"""A trial whose end nobody reported is thought over from then on."""
COMMITTING = {"order_completed": 0.9, "contract_signed": 0.95, "subscription_renewed": 0.9}
"""Signals of a purchase, which only somebody with the authority makes."""
NEGOTIATING = {
    "payment_info_entered": 0.5,
    "quote_requested": 0.4,
    "subscription_upgraded": 0.6,
    "checkout_step_completed": 0.3,
    "checkout_started": 0.25,
}
"""Signals on the way to one; an assistant can send them as well."""
STRONG_USAGE_DAYS = 4
"""Active days in the window from which usage is strong …"""
STRONG_PHASES = {UsagePhase.ADOPTING, UsagePhase.HABITUAL}
"""… as it is in these phases."""
REPEATED_SIGNALS = 3
"""Intent signals from which intent is repeated."""


def grounds(facts: MembershipFacts) -> Iterator[Ground]:
    """All that behaviour within this membership gives."""
    for rule in _RULES:
        yield from rule(facts)


def _buys(facts: MembershipFacts) -> Iterator[Ground]:
    intent = facts.intent
    paid = intent.purchase_count
    if paid > 0:
        yield Ground(
            role=Role.ECONOMIC_BUYER,
            confidence=0.95 if paid > 1 else 0.9,
            reason=f"made {_count(paid, 'purchase')}",
            facts={
                "purchases": paid,
                "totals": {currency: str(total) for currency, total in intent.totals.items()},
            },
            since=_first_at(intent, COMMITTING),
        )
    for name, confidence in NEGOTIATING.items():
        for signal in intent.signals:
            if signal.name == name:
                yield Ground(
                    role=Role.ECONOMIC_BUYER,
                    confidence=confidence,
                    reason=f"{name.replace('_', ' ')} {_times(signal.count)}",
                    facts={"signal": name, "count": signal.count},
                    since=signal.first_at,
                )


def _uses(facts: MembershipFacts) -> Iterator[Ground]:
    usage = facts.usage
    days = len(usage.used_days)
    if days == 0:
        return
    yield Ground(
        role=Role.END_USER if facts.own else Role.THIRD_PARTY_USER,
        confidence=0.6 if days == 1 else 0.8 if days < STRONG_USAGE_DAYS else 0.95,
        reason=f"used the product on {_count(days, 'day')}"
        + ("" if facts.own else " without being a member"),
        facts={"days": days, "features": len(usage.features)},
        since=usage.first_used_at,
    )


def _tries(facts: MembershipFacts) -> Iterator[Ground]:
    """Usage inside a trial, no purchase in the account."""
    started = facts.usage.measures.get(Measure.TRIAL_STARTED, 0)
    ended = facts.usage.measures.get(Measure.TRIAL_ENDED, 0)
    bought = facts.account.purchase_count if facts.account is not None else facts.intent.purchase_count
    if started <= ended or bought > 0 or facts.usage.last_used_at is None:
        return
    began = _last_at(facts.intent, "trial_started")
    running = began is None or facts.as_of - began < TRIAL
    yield Ground(
        role=Role.TRIAL_USER,
        confidence=0.9 if running else 0.4,
        reason="uses the product in a trial that nobody has paid for"
        if running
        else "began a trial long ago, and nobody has paid",
        facts={"trials": started, "ended": ended},
        since=began,
        until=began + TRIAL if began is not None and running else None,
    )


def _moves_others(facts: MembershipFacts) -> Iterator[Ground]:
    """Invites, reviews, referrals and shares by somebody who uses and has not bought."""
    if facts.intent.purchase_count > 0 or not facts.usage.used_days:
        return
    for measure, confidence in _MOVING.items():
        count = facts.usage.measures.get(measure, 0)
        if count > 0:
            yield Ground(
                role=Role.INFLUENCER,
                confidence=min(0.8, confidence + 0.1 * (count - 1)),
                reason=f"{measure.lower()}: {_times(count)}",
                facts={"measure": measure.value, "count": count},
            )


def _sells_inside(facts: MembershipFacts) -> Iterator[Ground]:
    """Repeated intent and strong usage by somebody who has not bought."""
    signals = sum(signal.count for signal in facts.intent.signals)
    if facts.intent.purchase_count > 0 or signals < REPEATED_SIGNALS or not _strong(facts.usage):
        return
    invites = facts.usage.measures.get(Measure.INVITE, 0)
    yield Ground(
        role=Role.CHAMPION,
        confidence=min(0.9, 0.6 + 0.05 * (signals - REPEATED_SIGNALS) + (0.1 if invites else 0.0)),
        reason=f"sent {signals} intent signals and used the product on {facts.usage.active_days} days "
        f"of the last {facts.usage.window_days}",
        facts={"signals": signals, "active_days": facts.usage.active_days, "invites": invites},
    )


def _buys_services(facts: MembershipFacts) -> Iterator[Ground]:
    contracts = facts.usage.measures.get(Measure.SERVICE_CONTRACT, 0)
    if contracts > 0:
        yield Ground(
            role=Role.CLIENT,
            confidence=0.95,
            reason=f"has {_count(contracts, 'contract')} for services",
            facts={"contracts": contracts},
            since=_first_at(facts.intent, {"contract_signed"}),
        )


def _speaks_in_public(facts: MembershipFacts) -> Iterator[Ground]:
    for measure, confidence in _PUBLIC.items():
        count = facts.usage.measures.get(measure, 0)
        if count > 0:
            yield Ground(
                role=Role.ADVOCATE,
                confidence=min(0.9, confidence + 0.15 * (count - 1)),
                reason=f"{measure.lower()}: {_times(count)}",
                facts={"measure": measure.value, "count": count},
            )


_MOVING = {Measure.INVITE: 0.5, Measure.REFERRAL: 0.5, Measure.REVIEW: 0.4, Measure.SHARE: 0.4}
_PUBLIC = {Measure.REVIEW: 0.6, Measure.REFERRAL: 0.6}
_RULES: tuple[Callable[[MembershipFacts], Iterator[Ground]], ...] = (
    _buys,
    _uses,
    _tries,
    _moves_others,
    _sells_inside,
    _buys_services,
    _speaks_in_public,
)


def _strong(usage: UsageFacts) -> bool:
    return usage.active_days >= STRONG_USAGE_DAYS or usage.phase in STRONG_PHASES


def _first_at(intent: IntentFacts, names: dict[str, float] | set[str]) -> datetime | None:
    return min((signal.first_at for signal in intent.signals if signal.name in names), default=None)


def _last_at(intent: IntentFacts, name: str) -> datetime | None:
    return max((signal.last_at for signal in intent.signals if signal.name == name), default=None)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
