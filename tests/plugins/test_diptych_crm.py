"""Roles from a CRM: both vocabularies, within the right account, also from their webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdp.errors import BadInput
from cdp.hooks.answers import role_contributions
from cdp.hooks.core_roles import CORE_ROLES
from cdp.model import EventType, RoleContribution, RouteRequest
from diptych_crm import CrmSettings, register_roles, resolve_roles
from diptych_crm.vocabulary import EXECUTIVE_SPONSOR, LEGAL_AND_COMPLIANCE, TECHNICAL_EVALUATOR
from diptych_crm.webhooks import from_hubspot, from_salesforce
from tests.plugins.people import FAMILY, FIRM, NOW, person

KNOWN = {
    *CORE_ROLES,
    *(role.name for role in register_roles()),
    EXECUTIVE_SPONSOR,
    LEGAL_AND_COMPLIANCE,
    TECHNICAL_EVALUATOR,
}


def said(settings: CrmSettings | None = None, **facts: Any) -> list[RoleContribution]:
    return resolve_roles(person(**facts), settings or CrmSettings())


def held(settings: CrmSettings | None = None, **facts: Any) -> dict[str, float]:
    return {one.role: one.confidence for one in said(settings, **facts)}


def request(body: Any) -> RouteRequest:
    return RouteRequest(
        method="POST",
        path={},
        query={},
        headers={},
        body=msgspec.json.encode(body),
        scopes=frozenset({"events:write"}),
        as_of=NOW,
    )


def test_hubspot_says_several_roles_at_once() -> None:
    """In any spelling, as text or as a list; OTHER says nothing; the value is the evidence."""
    assert held(traits={"hs_buying_role": "DECISION_MAKER;CHAMPION; legal_and_compliance ;OTHER"}) == {
        "ECONOMIC_BUYER": 0.9,
        "CHAMPION": 0.9,
        "LEGAL_AND_COMPLIANCE": 0.9,
    }
    (blocker, sponsor) = said(traits={"hs_buying_role": ["BLOCKER", "EXECUTIVE_SPONSOR", 7]})
    assert (blocker.role, sponsor.role) == ("BLOCKER", "EXECUTIVE_SPONSOR")
    assert blocker.evidence[0].reason == "the CRM says 'BLOCKER'"
    assert blocker.evidence[0].facts == {"trait": "hs_buying_role", "value": "BLOCKER"}


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("Economic Decision Maker", "ECONOMIC_BUYER"),
        ("Decision Maker", "ECONOMIC_BUYER"),
        ("Business User", "END_USER"),
        ("Technical Buyer", "TECHNICAL_EVALUATOR"),
        ("Evaluator", "TECHNICAL_EVALUATOR"),
        ("Influencer", "INFLUENCER"),
        ("Executive Sponsor", "EXECUTIVE_SPONSOR"),
    ],
)
def test_salesforce_roles_are_understood(value: str, role: str) -> None:
    """As Salesforce ships them."""
    assert held(traits={"salesforce_contact_role": value}) == {role: 0.9}


def test_two_names_of_one_role_are_one_claim_with_both_as_evidence() -> None:
    """A budget holder who decides is one economic buyer."""
    (claim,) = said(traits={"hs_buying_role": "BUDGET_HOLDER;DECISION_MAKER"})
    assert (claim.role, claim.confidence, len(claim.evidence)) == ("ECONOMIC_BUYER", 0.9, 2)


def test_a_role_counts_where_the_person_is_a_member_of_an_organisation() -> None:
    """And with themselves, before any account is known; not at home, and not where they only acted."""
    traits = {"hs_buying_role": "CHAMPION"}
    assert held(traits=traits, account=None) == {"CHAMPION": 0.9}
    assert held(traits=traits, account=FAMILY) == {}
    assert held(traits=traits, own=False) == {}


def test_a_record_of_an_opportunity_counts_in_its_own_account_only() -> None:
    """By the account's id in Salesforce or by its domain; the primary contact is believed a little more."""
    record = {
        "Role": "Economic Buyer",
        "OpportunityId": "006A",
        "AccountId": "001A",
        "IsPrimary": True,
        "CreatedDate": "2026-02-01T10:00:00+00:00",
    }
    traits = {"salesforce_contact_roles": [record, "no record", {"Role": 7}]}
    mine = structs.replace(FIRM, traits={"salesforce_account_id": "001A"})
    (claim,) = said(traits=traits, account=mine)
    assert (claim.role, round(claim.confidence, 3)) == ("ECONOMIC_BUYER", 0.95)
    assert claim.since == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert claim.evidence[0].reason == (
        "Salesforce says 'Economic Buyer' of the opportunity 006A, the primary contact"
    )
    assert held(traits=traits, account=FIRM) == {}
    assert held(traits=traits, account=None) == {}
    by_domain = {
        "salesforce_contact_roles": [{"Role": "Evaluator", "Opportunity": {"AccountId": "Acme.com"}}]
    }
    assert held(traits=by_domain, account=structs.replace(FIRM, domain="acme.com")) == {
        "TECHNICAL_EVALUATOR": 0.9
    }


def test_a_workspace_says_what_its_own_words_mean_and_how_far_its_crm_is_believed() -> None:
    """Its words go before the usual ones."""
    settings = CrmSettings(
        confidence=0.6, vocabulary={"Procurement lead": "ECONOMIC_BUYER", "champion": "INFLUENCER"}
    )
    assert held(settings, traits={"contact_role": ["PROCUREMENT LEAD", "Champion"]}) == {
        "ECONOMIC_BUYER": 0.6,
        "INFLUENCER": 0.6,
    }


def test_hubspots_webhook_becomes_what_is_known_of_the_contact() -> None:
    """Buying roles and addresses count; the same change is the same message; the contact's id is an identifier."""
    change = {
        "eventId": 1,
        "subscriptionType": "contact.propertyChange",
        "propertyName": "hs_buying_role",
        "propertyValue": "CHAMPION;END_USER",
        "objectId": 7,
        "occurredAt": 1_767_225_600_000,
    }
    other = {**change, "propertyName": "firstname"}
    first, again = (from_hubspot(request([change, other])) for _ in range(2))
    assert first == again
    (event,) = first.events
    assert event.type is EventType.IDENTIFY
    assert event.traits == {"hs_buying_role": "CHAMPION;END_USER"}
    assert event.context == {"externalIds": [{"type": "hubspot_contact", "id": "7"}]}
    assert (event.anonymous_id, event.timestamp) == ("hubspot-contact-7", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(BadInput, match="no objectId"):
        from_hubspot(request([{**change, "objectId": None}]))


def test_salesforces_records_of_a_contact_come_together() -> None:
    """One event a contact, with all of its roles, the address apart and no names in the trait."""
    contact = {"Email": "ada@acme.com", "Name": "Ada"}
    answer = from_salesforce(
        request(
            [
                {
                    "ContactId": "003A",
                    "Role": "Evaluator",
                    "Opportunity": {"AccountId": "001A"},
                    "Contact": contact,
                },
                {"ContactId": "003A", "Role": "Influencer", "IsPrimary": False},
                {"ContactId": "003B", "Role": "Other"},
            ]
        )
    )
    first, second = answer.events
    assert first.traits == {
        "salesforce_contact_roles": [
            {"Role": "Evaluator", "AccountId": "001A"},
            {"Role": "Influencer", "IsPrimary": False},
        ],
        "email": "ada@acme.com",
    }
    assert (first.anonymous_id, second.anonymous_id) == ("salesforce-contact-003A", "salesforce-contact-003B")
    for bad in ([{"Role": "Evaluator"}], {"no": "list"}, [{"ContactId": "1"}] * 501):
        with pytest.raises(BadInput):
            from_salesforce(request(bad))


_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["BLOCKER;OTHER", "Evaluator", "", ";"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["Role", "IsPrimary", "AccountId", "Opportunity", "OpportunityId", "CreatedDate"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(
    traits=st.dictionaries(
        st.sampled_from(["hs_buying_role", "contact_role", "salesforce_contact_roles"]), _values
    ),
    account=st.sampled_from([None, FIRM, FAMILY]),
)
def test_whatever_the_crm_sends_the_core_accepts_the_claims(**given_: Any) -> None:
    """Nothing that can stand in a trait makes a claim that is refused."""
    role_contributions(KNOWN)(None, said(**given_))
