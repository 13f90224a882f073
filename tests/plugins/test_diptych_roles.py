"""The first-party role resolver: every role from its evidence, and none without."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdp.hooks.answers import role_contributions
from cdp.hooks.core_roles import CORE_ROLES
from cdp.model import AccountFacts, AccountId, AccountKind, IntentFacts, Measure, Role, UsagePhase
from diptych_roles import resolve_roles
from diptych_roles.roles import REGISTERED
from tests.plugins.people import FAMILY, FIRM, NOW, person, signal, usage

KNOWN = {*CORE_ROLES, *(role.name for role in REGISTERED)}


def held(**facts: Any) -> dict[str, float]:
    return {one.role: one.confidence for one in resolve_roles(person(**facts))}


def test_nothing_is_claimed_of_somebody_who_did_nothing_and_has_no_title() -> None:
    """A role without evidence does not exist."""
    assert held() == {}
    assert held(traits={"title": "", "seniority": 7, "department": ["x"]}) == {}


def test_who_pays_is_the_economic_buyer() -> None:
    """Surer when it happens again; since the first order; the figures are in the evidence."""
    once = IntentFacts(
        purchase_count=1, totals={"EUR": Decimal("9.90")}, signals=(signal("order_completed", days_ago=9),)
    )
    (claim,) = resolve_roles(person(intent=once))
    assert (claim.role, claim.confidence, claim.since) == ("ECONOMIC_BUYER", 0.9, NOW - timedelta(days=9))
    assert claim.evidence[0].reason == "made 1 purchase"
    assert claim.evidence[0].facts == {"purchases": 1, "totals": {"EUR": "9.90"}}
    assert held(intent=IntentFacts(purchase_count=3)) == {"ECONOMIC_BUYER": 0.95}
    assert held(intent=IntentFacts(signals=(signal("quote_requested", 2),))) == {"ECONOMIC_BUYER": 0.4}


def test_several_grounds_make_surer_but_never_certain() -> None:
    """1 − (1 − 0.9)(1 − 0.7)(1 − 0.6), at most 0.99; each ground is in the evidence, surest first."""
    intent = IntentFacts(purchase_count=1)
    (claim,) = resolve_roles(
        person(
            intent=structs.replace(intent, signals=(signal("subscription_upgraded"),)),
            traits={"title": "CFO"},
        )
    )
    assert (claim.confidence, len(claim.evidence)) == (0.988, 3)
    assert held(
        intent=IntentFacts(signals=(signal("quote_requested"),)), traits={"job_title": "Head of Finance"}
    ) == {"ECONOMIC_BUYER": 0.82}


@pytest.mark.parametrize(("days", "confidence"), [(1, 0.6), (2, 0.8), (3, 0.8), (4, 0.95), (30, 0.95)])
def test_who_uses_the_product_is_an_end_user(days: int, confidence: float) -> None:
    """The more days the surer; in an account that is not their own they are a third party's user."""
    assert held(usage=usage(days)) == {"END_USER": confidence}
    assert held(usage=usage(days), own=False) == {"THIRD_PARTY_USER": confidence}
    assert held(usage=usage(days), account=None) == {"END_USER": confidence}


def test_who_uses_inside_a_trial_that_nobody_paid_is_a_trial_user() -> None:
    """Not after its end, not when somebody in the account has bought, hardly when it began long ago."""
    trial = {Measure.TRIAL_STARTED: 1}
    assert held(usage=usage(1, measures=trial)) == {"END_USER": 0.6, "TRIAL_USER": 0.9}
    assert held(usage=usage(1, measures=trial | {Measure.TRIAL_ENDED: 1})) == {"END_USER": 0.6}
    paid = AccountFacts(account_id=AccountId(1), kind=AccountKind.ORGANISATION, purchase_count=1)
    assert held(usage=usage(1, measures=trial), account=paid) == {"END_USER": 0.6}
    long_ago = IntentFacts(signals=(signal("trial_started", days_ago=46),))
    assert held(usage=usage(1, measures=trial), intent=long_ago)["TRIAL_USER"] == 0.4


def test_a_trial_is_looked_at_again_when_it_would_be_over() -> None:
    """By the clock alone: 45 days after it began; then it is believed less, until further notice."""
    trial = usage(1, measures={Measure.TRIAL_STARTED: 1})

    def until(days_ago: int) -> tuple[float, Any]:
        began = IntentFacts(signals=(signal("trial_started", days_ago=days_ago),))
        claims = {one.role: one for one in resolve_roles(person(usage=trial, intent=began))}
        return claims["TRIAL_USER"].confidence, claims["TRIAL_USER"].until

    assert until(44) == (0.9, NOW + timedelta(days=1))
    assert until(45) == (0.4, None)


def test_who_moves_others_without_buying_is_an_influencer() -> None:
    """Invites, referrals, shares by a user; not by a buyer, and not by somebody who does not use it."""
    moving = {Measure.INVITE: 2}
    assert held(usage=usage(1, measures=moving)) == {"END_USER": 0.6, "INFLUENCER": 0.6}
    assert "INFLUENCER" not in held(usage=usage(1, measures=moving), intent=IntentFacts(purchase_count=1))
    assert held(usage=usage(0, measures=moving)) == {}


def test_repeated_intent_with_strong_usage_makes_a_champion() -> None:
    """Either alone does not, and a buyer is a buyer."""
    wanting = IntentFacts(signals=(signal("pricing_viewed", 3), signal("demo_requested")))
    assert held(intent=wanting, usage=usage(5)) == {"END_USER": 0.95, "CHAMPION": 0.65}
    assert held(intent=wanting, usage=usage(3, phase=UsagePhase.ADOPTING))["CHAMPION"] == 0.65
    assert "CHAMPION" not in held(intent=wanting, usage=usage(3))
    assert "CHAMPION" not in held(intent=IntentFacts(signals=(signal("pricing_viewed", 2),)), usage=usage(5))
    bought = IntentFacts(signals=wanting.signals, purchase_count=1)
    assert "CHAMPION" not in held(intent=bought, usage=usage(5))


def test_a_contract_for_services_makes_a_client_and_public_praise_an_advocate() -> None:
    """Both besides whatever else they are."""
    services = usage(0, measures={Measure.SERVICE_CONTRACT: 1})
    assert held(usage=services, intent=IntentFacts(purchase_count=1)) == {
        "ECONOMIC_BUYER": 0.9,
        "CLIENT": 0.95,
    }
    praise = usage(0, measures={Measure.REVIEW: 1, Measure.REFERRAL: 2})
    assert held(usage=praise) == {"ADVOCATE": 0.9}


@pytest.mark.parametrize(
    ("title", "roles"),
    [
        ("CFO", {"ECONOMIC_BUYER": 0.7}),
        ("Vice President, Finance", {"ECONOMIC_BUYER": 0.7}),
        ("Co-Founder & CEO", {"ECONOMIC_BUYER": 0.65}),
        ("Head of Procurement", {"ECONOMIC_BUYER": 0.5}),
        ("CTO", {"TECHNICAL_EVALUATOR": 0.7}),
        ("Senior Software Engineer", {"TECHNICAL_EVALUATOR": 0.5}),
        ("IT Director", {"TECHNICAL_EVALUATOR": 0.7}),
        ("General Counsel", {"LEGAL_AND_COMPLIANCE": 0.75}),
        ("Chief Compliance Officer", {"LEGAL_AND_COMPLIANCE": 0.75}),
        ("Customer Support Team Lead", {"CHAMPION": 0.45}),
        ("Finance Operations Manager", {"ECONOMIC_BUYER": 0.25, "CHAMPION": 0.45}),
        ("Marketing Specialist", {"END_USER": 0.45}),
        ("Chief Marketing Officer", {"ECONOMIC_BUYER": 0.3, "EXECUTIVE_SPONSOR": 0.3}),
        ("Poet", {}),
        ("Unit of italics", {}),
    ],
)
def test_titles_suggest_roles_weakly(title: str, roles: dict[str, float]) -> None:
    """Whole words count, not parts of them."""
    assert held(traits={"title": title}) == roles


def test_function_and_seniority_help_where_the_title_does_not() -> None:
    """`it_director` is read as words; seniority counts where nothing else does."""
    assert held(traits={"role_function": "it_director"}) == {"TECHNICAL_EVALUATOR": 0.7}
    assert held(traits={"title": "Poet", "seniority": "c_suite"}) == {
        "ECONOMIC_BUYER": 0.3,
        "EXECUTIVE_SPONSOR": 0.3,
    }
    assert held(traits={"title": "AP Manager", "seniority": "c_suite"}) == {"CHAMPION": 0.45}


def test_a_title_says_nothing_outside_the_employer() -> None:
    """Not in a household, not alone, not where the person is no member."""
    traits = {"title": "CFO"}
    assert held(traits=traits, account=FAMILY) == {}
    assert held(traits=traits, account=None) == {}
    assert held(traits=traits, account=FIRM, own=False) == {}


_texts = st.one_of(
    st.none(), st.integers(), st.text(max_size=40), st.sampled_from(["CFO", "IT manager", "c suite"])
)


@given(
    traits=st.dictionaries(
        st.sampled_from(["title", "job_title", "seniority", "department"]),
        st.one_of(_texts, st.lists(_texts, max_size=3)),
    ),
    days=st.integers(0, 40),
    purchases=st.integers(0, 3),
    measures=st.dictionaries(st.sampled_from(list(Measure)), st.integers(1, 9)),
    signals=st.dictionaries(
        st.sampled_from(["quote_requested", "trial_started", "pricing_viewed", "order_completed"]),
        st.integers(1, 9),
    ),
    own=st.booleans(),
    account=st.sampled_from([None, FIRM, FAMILY]),
)
def test_whatever_the_facts_the_core_accepts_the_claims(**given_: Any) -> None:
    """No combination makes a claim that is refused."""
    facts = person(
        traits=given_["traits"],
        account=given_["account"],
        own=given_["own"],
        intent=IntentFacts(
            purchase_count=given_["purchases"],
            signals=tuple(signal(name, count) for name, count in given_["signals"].items()),
        ),
        usage=usage(given_["days"], measures={key.value: count for key, count in given_["measures"].items()}),
    )
    claims = role_contributions(KNOWN)(facts, resolve_roles(facts))
    assert all(claim.since is None or claim.since <= NOW for claim in claims)
    assert set(Role) <= KNOWN
