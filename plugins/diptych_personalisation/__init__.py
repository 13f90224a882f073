"""The slot `home_hero`: what it pays for a buyer, what to try next for a user.

Who is a buyer and a user at once gets what is more urgent: the offer while intent is WARM or HOT, else the tip. Any
other slot is left to other plugins.
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import Candidate, IntentLevel, Lens, PersonalisationRequest, Role, UsagePhase
from diptych_personalisation import offer, tip

SLOT = "home_hero"
BUYERS = {Role.ECONOMIC_BUYER, Role.CHAMPION, Role.CLIENT}
USERS = {Role.END_USER, Role.TRIAL_USER, Role.THIRD_PARTY_USER}


@hookimpl
def choose_personalisation(request: PersonalisationRequest) -> Candidate | None:
    """An offer, a tip, or a welcome for somebody of whom neither panel knows anything."""
    if request.slot != SLOT:
        return None
    intent, usage = request.membership.intent, request.membership.usage
    urgent = intent.level is not IntentLevel.COLD
    buys = urgent or intent.purchase_count > 0 or not BUYERS.isdisjoint(request.roles)
    uses = usage.phase is not UsagePhase.NONE or not USERS.isdisjoint(request.roles)
    if buys and (urgent or not uses):
        return offer.make(request)
    if uses:
        return tip.make(request)
    return Candidate(
        variant="welcome",
        content={"headline": "See what we do", "call_to_action": "Take the tour"},
        lens=Lens.NONE,
        reason="Nothing is known yet of what this person wants or does.",
    )
