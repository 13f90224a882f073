"""For a buyer: what it pays, said for the stage of the journey that they are in."""

from __future__ import annotations

from cdp.model import Candidate, Lens, PersonalisationRequest, Stage
from diptych_personalisation.settings import OffersAndTips

HEADLINES: dict[Stage | None, tuple[str, str]] = {
    None: ("See what it would save you", "Calculate your return"),
    Stage.AWARENESS: ("What teams like yours get back in the first year", "Read the figures"),
    Stage.RESEARCH: ("The business case, in one page", "Download the business case"),
    Stage.COMPARISON: ("Side by side with what you use today", "Compare cost and return"),
    Stage.PRICING: ("What it costs, and when it has paid for itself", "Calculate your return"),
    Stage.NEGOTIATION: ("Everything your approval needs", "Get quote and security pack"),
    Stage.PURCHASE: ("What your purchase has returned so far", "See your return"),
    Stage.RENEWAL: ("Your return since you signed", "Review your renewal"),
}
"""Headline and call to action per stage."""

_SIGNALS = 3


def make(request: PersonalisationRequest, settings: OffersAndTips, *, priority: int) -> Candidate:
    """Made from the buyer-intent panel alone."""
    intent = request.membership.intent
    headline, call = HEADLINES[intent.stage]
    if intent.stage is not None:
        headline = settings.headlines.get(intent.stage, headline)
    signals = [signal.name for signal in sorted(intent.signals, key=lambda one: -one.weight)[:_SIGNALS]]
    return Candidate(
        variant="offer" if intent.stage is None else f"offer_{intent.stage.lower()}",
        content={
            "headline": headline,
            "call_to_action": call,
            "stage": intent.stage,
            "level": intent.level,
            "signals": signals,
            "purchases": intent.purchase_count,
        },
        lens=Lens.INTENT,
        reason=_reason(request, signals),
        priority=priority,
    )


def _reason(request: PersonalisationRequest, signals: list[str]) -> str:
    intent = request.membership.intent
    if intent.stage is None and intent.purchase_count == 0:
        return f"Has a buying role ({', '.join(request.roles)}) and has shown no intent yet."
    stage = f"is at the stage {intent.stage}" if intent.stage else "has bought before"
    shown = f", lately by {', '.join(name.replace('_', ' ') for name in signals)}" if signals else ""
    return f"Buyer intent is {intent.level} and this person {stage}{shown}."
