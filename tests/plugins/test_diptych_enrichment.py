"""The first-party enrichment: what an address or a number says by itself."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.hooks.answers import enriched_traits
from cdp.model import EnrichmentRequest, Identifier, ProfileId
from diptych_enrichment import enrich_person
from tests.plugins.people import NOW


def found(kind: str, value: str) -> dict[str, Any]:
    identifier = Identifier(kind, value)
    request = EnrichmentRequest(
        profile_id=ProfileId(1), identifiers=(identifier,), traits={}, default_country="US", as_of=NOW
    )
    traits = enriched_traits(request, enrich_person(request))
    assert {trait.about for trait in traits} <= {identifier}
    return {trait.key: (trait.value, trait.confidence) for trait in traits}


@pytest.mark.parametrize(
    ("address", "traits"),
    [
        (
            "ada@mail.acme.co.uk",
            {
                "email_type": ("corporate", 0.95),
                "company_domain": ("acme.co.uk", 0.9),
                "country": ("GB", 0.6),
            },
        ),
        ("ada@acme.com", {"email_type": ("corporate", 0.95), "company_domain": ("acme.com", 0.9)}),
        ("ada@start.io", {"email_type": ("corporate", 0.95), "company_domain": ("start.io", 0.9)}),
        ("ada@bank.eu", {"email_type": ("corporate", 0.95), "company_domain": ("bank.eu", 0.9)}),
        (
            "ada@münchen.de",
            {
                "email_type": ("corporate", 0.95),
                "company_domain": ("münchen.de", 0.9),
                "country": ("DE", 0.6),
            },
        ),
        ("ada@gmail.com", {"email_type": ("free", 0.95)}),
        ("ada@yahoo.co.uk", {"email_type": ("free", 0.95)}),
        ("ada@co.uk", {}),
    ],
)
def test_an_address_tells_whose_domain_it_is_in(address: str, traits: dict[str, Any]) -> None:
    """The registrable domain and its country; of a free-mail provider neither, of a public suffix nothing."""
    assert found("email", address) == traits


def test_a_number_tells_where_it_was_given_out() -> None:
    """A landline names its town, a mobile its first carrier; several time zones are less sure."""
    london = found("phone", "+442079460958")
    assert london == {
        "country": ("GB", 0.9),
        "region": ("London", 0.6),
        "time_zones": (["Europe/London"], 0.8),
        "phone_type": ("FIXED_LINE", 0.8),
    }
    mobile = found("phone", "+4915112345678;ext=7")
    assert mobile["country"] == ("DE", 0.9)
    assert mobile["phone_type"] == ("MOBILE", 0.8)
    assert mobile["carrier"][1] == 0.5
    assert found("phone", "+16502530000")["country"] == ("US", 0.9)


def test_a_number_without_a_place_has_none() -> None:
    """An international freephone number is nowhere; what is no number says nothing."""
    assert found("phone", "+80012345678") == {"phone_type": ("TOLL_FREE", 0.8)}
    assert found("phone", "hello") == {}
    assert found("user_id", "ada@acme.com") == {}
