from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.errors import Misconfigured
from cdp.identity.kinds import (
    as_written,
    is_junk,
    make_kinds,
    normalise,
    strongest_first,
    why_not,
)
from cdp.model import Identifier, IdentifierKind

KINDS = make_kinds()


JUNK = (
    *(
        "null",
        "NULL",
        "undefined",
        " none ",
        "Anonymous",
        "[object Object]",
        "NaN",
        "",
        "   ",
        "0",
        "000",
        "-1",
        "--",
    ),
    *("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "00:00:00:00", "0.0"),
    *("unknown", "guest", "empty", "(not set)", "<none>", "true", "{}", "n/a", "'", "…"),
)


@pytest.mark.parametrize("value", JUNK)
@pytest.mark.parametrize("kind", ["user_id", "anonymous_id", "device_id", "hubspot_contact_id"])
def test_junk_is_no_identifier_of_any_kind(kind: str, value: str) -> None:
    """What programs write for want of an id never becomes one, and the sender is told."""
    assert normalise(KINDS, kind, value, "US") is None
    assert why_not(KINDS, kind, value, "US") is not None


@pytest.mark.parametrize(
    "value", ["1", "10", "007", "nullable", "user-1", "Ünal", "0a", "a0000", "test", "none of us"]
)
def test_what_only_resembles_junk_is_an_identifier(value: str) -> None:
    """Words are judged whole."""
    assert not is_junk(value)
    assert normalise(KINDS, "user_id", f" {value} ", "US") == Identifier("user_id", value)


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        ("Ann.Smith@Example.COM", "ann.smith@example.com"),
        ("  ann@acme.test ", "ann@acme.test"),
        ("ann+news@acme.co.uk", "ann+news@acme.co.uk"),
        ("ann@xn--bcher-kva.de", "ann@bücher.de"),
        ("ANN@BÜCHER.DE", "ann@bücher.de"),
        ("test@example.com", "test@example.com"),
    ],
)
def test_an_address_is_written_in_one_way_only(given_value: str, kept: str) -> None:
    """Case, space and Punycode do not make a second person."""
    assert normalise(KINDS, "email", given_value, "US") == Identifier("email", kept)


@pytest.mark.parametrize(
    "value", ["ann", "ann@", "@acme.com", "ann@acme", "a b@acme.com", "ann@acme..com", "ann@[1.2.3.4]"]
)
def test_what_is_no_address_is_no_email(value: str) -> None:
    """The sender gets a sentence that names the value."""
    assert normalise(KINDS, "email", value, "US") is None
    assert why_not(KINDS, "email", value, "US") == f"{value!r} is not a valid email."


@pytest.mark.parametrize(
    ("value", "country", "kept"),
    [
        ("(212) 555-0100", "US", "+12125550100"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("+44 20 7946 0958 ext 12", "US", "+442079460958;ext=12"),
    ],
)
def test_a_phone_number_is_written_in_one_way_only(value: str, country: str, kept: str) -> None:
    """Numbers without a country code are of the workspace's country; an extension of a switchboard is kept."""
    assert normalise(KINDS, "phone", value, country) == Identifier("phone", kept)


@pytest.mark.parametrize("value", ["12", "not a phone", "+999 123", "555-0100", "+1 555 123 4567"])
def test_a_number_that_does_not_exist_is_no_phone(value: str) -> None:
    """Invented numbers join nobody."""
    assert normalise(KINDS, "phone", value, "US") is None


@pytest.mark.parametrize(
    "value", [None, True, 1.5, [], {"id": 1}, "a\x00b", "line\nbreak", "\ud800", "x" * 513]
)
def test_what_cannot_be_stored_is_no_identifier(value: object) -> None:
    """Other types, control characters, half characters and endless values are refused with a sentence."""
    assert normalise(KINDS, "user_id", value, "US") is None
    assert (why_not(KINDS, "user_id", value, "US") or "").endswith(".")


def test_a_whole_number_is_an_id() -> None:
    """Clients send database keys as numbers."""
    assert normalise(KINDS, "user_id", 4711, "US") == Identifier("user_id", "4711")
    assert normalise(KINDS, "user_id", 0, "US") is None


def test_ids_of_programs_keep_their_case() -> None:
    """`A1` and `a1` may be two people."""
    assert normalise(KINDS, "user_id", "A1", "US") != normalise(KINDS, "user_id", "a1", "US")


def test_a_kind_that_nobody_registered_is_an_id_as_written() -> None:
    """`context.externalIds` may name any plain kind."""
    assert normalise(KINDS, "crm_id", "A 1", "US") == Identifier("crm_id", "A 1")
    assert normalise(KINDS, "no kind!", "1", "US") is None
    assert why_not(KINDS, "no kind!", "1", "US") == "'no kind!' cannot be the name of an identifier kind."


def test_the_strongest_identifier_comes_first_and_each_once() -> None:
    """By the priority of kinds; those of one kind stay in the order given."""
    anonymous, email, second, user = (
        Identifier("anonymous_id", "a"),
        Identifier("email", "b@x.test"),
        Identifier("email", "a@x.test"),
        Identifier("user_id", "u"),
    )
    found = strongest_first(KINDS, [anonymous, email, second, user, email])
    assert found == (user, email, second, anonymous)


def test_a_kind_is_registered_once() -> None:
    """Two plugins that name the same kind contradict each other."""
    kind = IdentifierKind(name="crm_id", priority=15, limit=1, normalise=as_written)
    assert make_kinds(kind)["crm_id"] is kind
    with pytest.raises(Misconfigured, match="'email' is registered twice"):
        make_kinds(IdentifierKind(name="email", priority=1, limit=1, normalise=as_written))
    with pytest.raises(Misconfigured, match="plain name"):
        make_kinds(IdentifierKind(name="crm id", priority=1, limit=1, normalise=as_written))


@given(st.sampled_from(["user_id", "email", "phone", "crm_id"]), st.text(max_size=40))
def test_normalising_twice_changes_nothing(kind: str, value: str) -> None:
    """What is kept is its own canonical form, and never junk."""
    found = normalise(KINDS, kind, value, "US")
    if found is None:
        assert why_not(KINDS, kind, value, "US") is not None
    else:
        assert normalise(KINDS, kind, found.value, "US") == found
