from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.accounts.domains import organisation, registrable


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.com", "acme.com"),
        ("ACME.com.", "acme.com"),
        ("https://www.Acme.co.uk/shop?x=1", "acme.co.uk"),
        ("http://ann:secret@shop.acme.com:8080/", "acme.com"),
        ("ann@mail.acme.co.uk", "acme.co.uk"),
        ("ann@bücher.de", "xn--bcher-kva.de"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("docs.acme.github.io", "acme.github.io"),
        ("acme.example", "acme.example"),
    ],
)
def test_the_registrable_part_is_what_counts(text: str, domain: str) -> None:
    """Sub-domains, paths, ports, case and script do not make a second organisation."""
    assert registrable(text) == domain
    assert organisation(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "acme",
        "co.uk",
        "github.io",
        "localhost",
        "192.168.0.1",
        "http://[::1]/",
        "a b.com",
        "-",
        "@",
        "//",
    ],
)
def test_what_nobody_registered_is_no_domain(text: str) -> None:
    """Public suffixes, single words and addresses of machines."""
    assert registrable(text) is None


@pytest.mark.parametrize(
    "text", ["ann@gmail.com", "ann@yahoo.co.uk", "hey.com", "test@example.com", "https://gmx.de"]
)
def test_a_domain_that_anybody_can_have_an_address_at_is_no_organisation(text: str) -> None:
    """Free mail, and the names that are reserved for examples."""
    assert registrable(text) is not None
    assert organisation(text) is None


def test_a_workspace_may_name_further_ones() -> None:
    """Such as the mail of its own internet provider."""
    assert organisation("ann@isp.test") == "isp.test"
    assert organisation("ann@isp.test", ("isp.test",)) is None


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever clients send as a domain; what comes out is its own registrable part."""
    found = registrable(text)
    assert found is None or registrable(found) == found
