"""Rules of selling to companies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.model import AccountClaim, Batch, EventType, Identifier, LinkCandidate
from diptych_b2b_rules import resolve_account, veto_link
from diptych_b2b_rules.inboxes import REASON, RULE
from diptych_b2b_rules.linkedin import profile
from diptych_b2b_rules.settings import B2BSettings
from tests.plugins.events import batch, event

DEFAULTS = B2BSettings()


def email(value: str) -> Identifier:
    return Identifier("email", value)


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("info@acme.com", True),
        ("support+de@acme.com", True),
        ("no-reply@acme.com", True),
        ("information@acme.com", False),
        ("ann.info@acme.com", False),
        ("ann@info.com", False),
        ("it@acme.com", True),
        ("ito@acme.com", False),
    ],
)
def test_shared_inboxes_are_known_by_what_stands_before_the_at(address: str, *, shared: bool) -> None:
    """The whole of it, but for a tag."""
    assert bool(re.fullmatch(RULE.pattern, address)) is shared


def test_a_workspace_names_further_shared_addresses() -> None:
    """Whole ones, or what stands before the @, on either side of the link."""
    settings = B2BSettings(shared_inboxes=("Events@acme.com", "welcome"))
    user = Identifier("user_id", "u1")
    links = Batch(
        (
            LinkCandidate(user, email("events@acme.com")),
            LinkCandidate(user, email("events@other.com")),
            LinkCandidate(email("welcome@other.com"), Identifier("anonymous_id", "a")),
            LinkCandidate(user, Identifier("phone", "welcome")),
        )
    )
    assert veto_link(links, settings) == {0: REASON, 2: REASON}
    assert veto_link(links, DEFAULTS) == {}


@pytest.mark.parametrize(
    ("traits", "addresses", "domain"),
    [
        ({"company": {"domain": "Acme.co.uk"}}, ("ann@gmail.com",), "acme.co.uk"),
        ({"company_domain": "https://www.acme.com/about"}, (), "acme.com"),
        ({"company": {"website": "acme.com"}}, (), "acme.com"),
        ({"company_domain": "gmail.com"}, ("ann@gmail.com",), None),
        ({"company_domain": "acme.com"}, ("ann@other.com",), None),
        ({"company_domain": "Acme Ltd."}, (), None),
        ({"company": "acme.com"}, (), None),
        ({}, ("ann@gmail.com",), None),
    ],
)
def test_people_with_free_mail_belong_to_the_company_that_they_name(
    traits: dict[str, Any], addresses: tuple[str, ...], domain: str | None
) -> None:
    """By its domain; an address of a company says it better."""
    identifiers = (Identifier("user_id", "u1"), *map(email, addresses))
    identify = event(type=EventType.IDENTIFY, identifiers=identifiers, properties=traits)
    claims = resolve_account(batch(identify), DEFAULTS)
    assert {index: (claim.domain, claim.member) for index, claim in claims.items()} == (
        {} if domain is None else {0: (domain, True)}
    )


def test_an_event_with_traits_happens_in_the_company_and_makes_no_member() -> None:
    """Its properties are not the person's."""
    track = event(properties={"company_domain": "no.com"}, context={"traits": {"company_domain": "acme.com"}})
    assert resolve_account(batch(track), DEFAULTS) == {
        0: AccountClaim(
            domain="acme.com",
            member=False,
            confidence=0.7,
            reason="The trait company_domain names acme.com, and the person has no address of a company.",
        )
    }


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("https://www.linkedin.com/in/Ann-Smith-1a2/", "ann-smith-1a2"),
        ("linkedin.com/in/ann-smith?trk=x", "ann-smith"),
        ("https://de.linkedin.com/in/j%C3%BCrg", "j%c3%bcrg"),
        ("Ann-Smith", "ann-smith"),
        ("https://www.linkedin.com/company/acme", None),
        ("a b", None),
    ],
)
def test_a_linkedin_profile_is_written_in_one_way(value: str, canonical: str | None) -> None:
    """However it was copied."""
    assert profile(value, "US") == canonical
