"""Offers and tips: what it pays for a buyer, what to try next for a user.

Proposes candidates for the slots of its settings, `home_hero` unless a workspace sets others. Who is a buyer and a user
at once gets what is more urgent: the offer while intent is WARM or HOT, else the tip. Variants of the workspace take
part beside them; the priorities below say above what.
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import Candidate, IntentLevel, Lens, PersonalisationRequest, PluginInfo, Role, UsagePhase
from diptych_personalisation import offer, tip
from diptych_personalisation.settings import OffersAndTips

BUYERS = {Role.ECONOMIC_BUYER, Role.CHAMPION, Role.CLIENT}
USERS = {Role.END_USER, Role.TRIAL_USER, Role.THIRD_PARTY_USER}

URGENT_OFFER, TIP, OFFER, WELCOME = 30, 20, 10, 0
"""Priorities."""


@hookimpl
def register_plugin() -> PluginInfo:
    """In a sentence."""
    return PluginInfo(summary="Offers for buyers and tips for users, in the slot home_hero.")


@hookimpl
def register_settings() -> type[OffersAndTips]:
    """Which slots, and what of it."""
    return OffersAndTips


@hookimpl
def propose_personalisation(request: PersonalisationRequest, settings: OffersAndTips) -> list[Candidate]:
    """An offer, a tip, and a welcome for whom there is neither."""
    if request.slot not in settings.slots:
        return []
    intent, usage = request.membership.intent, request.membership.usage
    urgent = intent.level is not IntentLevel.COLD
    buys = urgent or intent.purchase_count > 0 or not BUYERS.isdisjoint(request.roles)
    uses = usage.phase is not UsagePhase.NONE or not USERS.isdisjoint(request.roles)
    candidates = [
        Candidate(
            variant="welcome",
            content={"headline": "See what we do", "call_to_action": "Take the tour"},
            lens=Lens.NONE,
            reason="For everybody for whom there is nothing better.",
            priority=WELCOME,
        )
    ]
    if settings.offers and buys:
        candidates.append(offer.make(request, settings, priority=URGENT_OFFER if urgent else OFFER))
    if settings.tips and uses:
        candidates.append(tip.make(request, priority=TIP))
    return candidates
