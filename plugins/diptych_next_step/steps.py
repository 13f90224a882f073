"""What to do next with a person, from both panels: a pure decision."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cdp.model import IntentLevel, Stage, UsagePhase


class Action(StrEnum):
    """What to do next."""

    CALL = "CALL"
    """Call them: they are about to decide."""
    SEND_BUSINESS_CASE = "SEND_BUSINESS_CASE"
    """Send what it would save them."""
    SOLVE_TICKETS = "SOLVE_TICKETS"
    """Solve their open support tickets before anything is offered."""
    HELP_TO_START = "HELP_TO_START"
    """Help them through onboarding."""
    WIN_BACK = "WIN_BACK"
    """Ask why they stopped using it."""
    ASK_FOR_REVIEW = "ASK_FOR_REVIEW"
    """Ask them to tell others: they use it by habit."""


class Intent(Struct, frozen=True, kw_only=True):
    """Of the buyer-intent panel."""

    level: IntentLevel
    stage: Stage | None


class Tickets(Struct, frozen=True, kw_only=True):
    """Of the usage panel's support."""

    open: int


class Use(Struct, frozen=True, kw_only=True):
    """Of the usage panel."""

    phase: UsagePhase
    support: Tickets


class Panels(Struct, frozen=True, kw_only=True):
    """What a step depends on."""

    buyer_intent: Intent
    usage: Use


class Step(Struct, frozen=True, kw_only=True):
    """The next best step with somebody, and why."""

    action: Action
    """What to do."""
    reason: str
    """Why, in a sentence."""
    urgent: bool
    """Whether it should be done today."""


_ORDER = list(IntentLevel)
_DECIDING = frozenset({Stage.PRICING, Stage.NEGOTIATION, Stage.RENEWAL})


def decide(panels: Panels, *, call_from: IntentLevel) -> Step | None:
    """The step that matters most; None: leave them in peace."""
    intent, usage = panels.buyer_intent, panels.usage
    warm = intent.level is not IntentLevel.COLD
    if usage.support.open and warm:
        return Step(
            action=Action.SOLVE_TICKETS,
            reason=f"Has {usage.support.open} open tickets while intent is {intent.level}.",
            urgent=True,
        )
    if warm and _ORDER.index(intent.level) >= _ORDER.index(call_from):
        deciding = intent.stage in _DECIDING
        at = f" at the stage {intent.stage}" if intent.stage else ""
        return Step(action=Action.CALL, reason=f"Intent is {intent.level}{at}.", urgent=deciding)
    if warm:
        reason = f"Intent is {intent.level}, below {call_from}."
        return Step(action=Action.SEND_BUSINESS_CASE, reason=reason, urgent=False)
    return _of_use(usage.phase)


def _of_use(phase: UsagePhase) -> Step | None:
    match phase:
        case UsagePhase.ONBOARDING:
            return Step(action=Action.HELP_TO_START, reason="Began, and is not active yet.", urgent=False)
        case UsagePhase.DORMANT:
            return Step(action=Action.WIN_BACK, reason="Has stopped using it.", urgent=False)
        case UsagePhase.HABITUAL:
            return Step(action=Action.ASK_FOR_REVIEW, reason="Uses it by habit.", urgent=False)
        case _:
            return None
