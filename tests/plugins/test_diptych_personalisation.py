"""The first-party home_hero: an offer for a buyer, a tip for a user."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from cdp.hooks.answers import candidates
from cdp.model import (
    Candidate,
    Feature,
    FeatureUseFacts,
    IntentFacts,
    IntentLevel,
    Lens,
    PersonalisationRequest,
    Stage,
    UsagePhase,
)
from diptych_personalisation import OFFER, TIP, URGENT_OFFER, propose_personalisation
from diptych_personalisation.settings import OffersAndTips
from tests.plugins.people import NOW, person, signal, usage

FEATURES = (
    Feature(key="export", name="Export"),
    Feature(key="reports", name="Reports"),
    Feature(key="alerts", name="Alerts", tip="Hear of it before your customers do."),
)


def chosen(
    *roles: str,
    intent: IntentFacts | None = None,
    used: tuple[str, ...] = (),
    phase: UsagePhase = UsagePhase.NONE,
    features: tuple[Feature, ...] = FEATURES,
    slot: str = "home_hero",
    **settings: Any,
) -> Candidate | None:
    """What is proposed with the highest priority."""
    uses = tuple(FeatureUseFacts(feature=key, count=1, first_at=NOW, last_at=NOW) for key in used)
    facts = person(intent=intent, usage=usage(len(used), features=uses, phase=phase))
    request = PersonalisationRequest(slot=slot, membership=facts, roles=roles, features=features)
    proposed = candidates(request, propose_personalisation(request, OffersAndTips(**settings)))
    return max(proposed, key=lambda one: one.priority, default=None)


HOT = IntentFacts(
    level=IntentLevel.HOT,
    stage=Stage.NEGOTIATION,
    signals=(signal("pricing_viewed", weight=2), signal("quote_requested", weight=9)),
)


def test_a_buyer_is_shown_the_return_for_the_stage_that_they_are_in() -> None:
    """Made from the intent panel, with the signals that say so."""
    assert chosen("ECONOMIC_BUYER", intent=HOT) == Candidate(
        variant="offer_negotiation",
        content={
            "headline": "Everything your approval needs",
            "call_to_action": "Get quote and security pack",
            "stage": "NEGOTIATION",
            "level": "HOT",
            "signals": ["quote_requested", "pricing_viewed"],
            "purchases": 0,
        },
        lens=Lens.INTENT,
        reason="Buyer intent is HOT and this person is at the stage NEGOTIATION, lately by quote requested, "
        "pricing viewed.",
        priority=URGENT_OFFER,
    )


def test_a_user_is_shown_a_feature_that_they_have_not_adopted() -> None:
    """One with a tip first; made from the usage panel."""
    assert chosen("END_USER", used=("reports",), phase=UsagePhase.ACTIVATED) == Candidate(
        variant="tip",
        content={
            "headline": "Have you tried Alerts?",
            "feature": "alerts",
            "tip": "Hear of it before your customers do.",
            "adopted": 1,
            "of": 3,
            "phase": "ACTIVATED",
        },
        lens=Lens.USAGE,
        reason="Uses the product (ACTIVATED), 1 of 3 features, and not yet Alerts.",
        priority=TIP,
    )


@pytest.mark.parametrize(
    ("given", "variant", "lens", "reason"),
    [
        (
            {"roles": ["ECONOMIC_BUYER"]},
            "offer",
            "INTENT",
            "Has a buying role (ECONOMIC_BUYER) and has shown no intent",
        ),
        ({"intent": IntentFacts(purchase_count=1)}, "offer", "INTENT", "this person has bought before"),
        ({"intent": structs.replace(HOT, stage=Stage.RENEWAL)}, "offer_renewal", "INTENT", "RENEWAL"),
        (
            {"roles": ["END_USER"], "used": ("export", "alerts", "reports")},
            "welcome_back",
            "USAGE",
            "all 3 features",
        ),
        ({"roles": ["END_USER"], "features": ()}, "welcome_back", "USAGE", "has not listed"),
        ({"roles": ["ECONOMIC_BUYER", "END_USER"]}, "tip", "USAGE", "not yet"),
        ({"roles": ["ECONOMIC_BUYER", "END_USER"], "intent": HOT}, "offer_negotiation", "INTENT", "HOT"),
        ({"phase": UsagePhase.DORMANT, "intent": IntentFacts(purchase_count=1)}, "tip", "USAGE", "DORMANT"),
        ({}, "welcome", "NONE", "For everybody"),
    ],
)
def test_everybody_gets_something_that_fits(
    given: dict[str, Any], variant: str, lens: str, reason: str
) -> None:
    """Buyers without intent, users of everything, both, neither."""
    found = chosen(*given.pop("roles", ()), **given)
    assert found is not None
    assert (found.variant, found.lens) == (variant, lens)
    assert reason in found.reason


def test_every_stage_has_an_offer() -> None:
    """No stage is forgotten when one is added."""
    for stage in Stage:
        found = chosen(intent=structs.replace(HOT, stage=stage))
        assert found is not None
        assert found.variant == f"offer_{stage.lower()}"


def test_another_slot_is_left_to_others() -> None:
    """Even for a hot buyer."""
    assert chosen("ECONOMIC_BUYER", intent=HOT, slot="footer") is None


def test_a_workspace_sets_where_and_what() -> None:
    """Other slots, no offers, no tips, a headline of its own."""
    given = {"intent": HOT, "used": ("export",)}
    assert chosen(slot="sidebar", slots=("sidebar",), **given) is not None
    assert chosen(slots=("sidebar",), **given) is None
    tip = chosen(offers=False, phase=UsagePhase.ACTIVATED, **given)
    assert tip is not None
    assert tip.variant == "tip"
    welcome = chosen(offers=False, tips=False, **given)
    assert welcome is not None
    assert welcome.variant == "welcome"
    offer = chosen(headlines={"NEGOTIATION": "Nearly there"}, **given)
    assert offer is not None
    assert offer.content["headline"] == "Nearly there"


def test_a_cold_buyer_who_uses_the_product_is_proposed_both() -> None:
    """So that the workspace may put variants between the two."""
    request = PersonalisationRequest(
        slot="home_hero",
        membership=person(usage=usage(3, phase=UsagePhase.ACTIVATED)),
        roles=("ECONOMIC_BUYER",),
        features=FEATURES,
    )
    proposed = propose_personalisation(request, OffersAndTips())
    assert {one.variant: one.priority for one in proposed} == {"welcome": 0, "offer": OFFER, "tip": TIP}
