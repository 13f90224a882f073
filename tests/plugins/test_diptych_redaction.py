"""Personal data is taken out of events before they are stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.model import EventType
from diptych_redaction import guard_event
from diptych_redaction.settings import RedactionSettings
from tests.plugins.events import batch, event

IBAN = "DE89 3704 0044 0532 0130 00"
CARD = "4111 1111 1111 1111"
DEFAULTS = RedactionSettings()


def redacted(value: Any, settings: RedactionSettings = DEFAULTS) -> tuple[Any, dict[str, int]]:
    """What becomes of a property, and what was found."""
    answer = guard_event(batch(event(properties={"p": value})), settings)
    if not answer:
        return value, {}
    return answer[0].event.properties["p"], answer[0].found


@pytest.mark.parametrize(
    ("text", "left", "found"),
    [
        ("write to Ann.O'Neil+x@mail.acme.co.uk today", "write to [email] today", {"email": 1}),
        ("https://acme.com/?m=ann%40acme.com&x=1", "https://acme.com/?m=[email]&x=1", {"email": 1}),
        ("grüße@bücher.example", "[email]", {"email": 1}),
        ("call +44 20 7946 0958 now", "call [phone] now", {"phone": 1}),
        (f"card {CARD}.", "card [card].", {"card": 1}),
        ("4111-1111-1111-1111", "[card]", {"card": 1}),
        (4111111111111111, "[card]", {"card": 1}),
        (f"to {IBAN} please", "to [iban] please", {"iban": 1}),
        ("gb82west12345698765432", "[iban]", {"iban": 1}),
        (f"a@b.co, {CARD}, c@d.co", "[email], [card], [email]", {"email": 2, "card": 1}),
        ([{"deep": ["a@b.co"]}], [{"deep": ["[email]"]}], {"email": 1}),
        ({"a@b.co": 1}, {"[email]": 1}, {"email": 1}),
    ],
)
def test_it_finds(text: Any, left: Any, found: dict[str, int]) -> None:
    """In texts, in URLs, in numbers, in keys, at any depth."""
    assert redacted(text) == (left, found)


@pytest.mark.parametrize(
    "value",
    [
        "4111 1111 1111 1112",
        1772625600000,
        "2026-03-04T12:00:00.000Z",
        "order 20260304-1200",
        "@media (min-width: 20em)",
        "a @ b",
        "DE00 3704 0044 0532 0130 00",
        "550e8400-e29b-41d4-a716-446655440000",
        "+1",
        12.5,
        True,
        None,
    ],
)
def test_it_leaves_alone(value: Any) -> None:
    """Wrong check digits, times, ids, and what only looks like an address."""
    assert redacted(value) == (value, {})


def test_numbers_without_a_country_code_are_found_where_the_country_is_known() -> None:
    """As a workspace's settings say."""
    assert redacted("ring 044 668 18 00") == ("ring 044 668 18 00", {})
    assert redacted("ring 044 668 18 00", RedactionSettings(country="CH")) == ("ring [phone]", {"phone": 1})


def test_each_kind_can_be_left_in() -> None:
    """By settings."""
    text = f"a@b.co {CARD} {IBAN} +44 20 7946 0958"
    nothing = RedactionSettings(emails=False, cards=False, ibans=False, phones=False)
    assert redacted(text, nothing) == (text, {})
    assert redacted("a@b.co", RedactionSettings(cards=False)) == ("[email]", {"email": 1})


def test_what_identifies_the_person_stays() -> None:
    """The trait `email` is an identifier; another address beside it is not."""
    before = event(
        type=EventType.IDENTIFY,
        properties={"email": "ann@acme.com", "phone": "+442079460958", "boss": "bob@acme.com"},
        context={"traits": {"email": "ann@acme.com"}, "page": {"url": "/?u=ann@acme.com"}},
    )
    after = guard_event(batch(before), DEFAULTS)[0].event
    assert after.properties == {"email": "ann@acme.com", "phone": "+442079460958", "boss": "[email]"}
    assert after.context == {"traits": {"email": "ann@acme.com"}, "page": {"url": "/?u=[email]"}}


def test_fields_can_always_be_taken_out() -> None:
    """Whatever is in them."""
    settings = RedactionSettings(always=("properties.secret", "*.ssn"))
    before = event(properties={"secret": {"a": 1}, "person": {"ssn": 123}, "other": 1})
    answer = guard_event(batch(before), settings)[0]
    assert answer.event.properties == {"secret": "[redacted]", "person": {"ssn": "[redacted]"}, "other": 1}
    assert answer.found == {"field": 2}


def test_names_of_events_are_looked_at_too() -> None:
    """Some clients write what was clicked into them."""
    assert guard_event(batch(event("Clicked ann@acme.com")), DEFAULTS)[0].event.name == "Clicked [email]"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=12,
    )
)
def test_redacting_twice_is_redacting_once(value: Any) -> None:
    """Whatever comes: it never fails, and its own words are not found again."""
    once, _ = redacted(value)
    assert redacted(once) == (once, {})
