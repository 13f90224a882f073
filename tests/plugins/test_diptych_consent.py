"""What people refused is not stored."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.model import Batch, ConsentQuestion, Identifier, Purpose
from diptych_consent import ConsentSettings, guard_consent
from tests.plugins.events import NOON

NO = {"categoryPreferences": {"Analytics": False}}
YES = {"categoryPreferences": {"Analytics": True}}
REFUSED = "The person refused Analytics, which ANALYTICS needs."
NOT_ASKED = "Nobody agreed to Analytics, which ANALYTICS needs."


def question(**given: Any) -> ConsentQuestion:
    values = {"purpose": Purpose.ANALYTICS, "identifiers": (Identifier("user_id", "u1"),), "as_of": NOON}
    return ConsentQuestion(**(values | given))


@pytest.mark.parametrize(
    ("said", "known", "answer"),
    [
        ({}, {}, {}),
        (YES, {}, {}),
        (NO, {}, {0: REFUSED}),
        ({}, NO, {0: REFUSED}),
        (YES, NO, {}),
        (NO, YES, {0: REFUSED}),
        ({"deniedConsentIds": ["Analytics"]}, {}, {0: REFUSED}),
        ({"deniedConsentIds": ["Other"]}, NO, {}),
        ({"categoryPreferences": {"Advertising": False}}, {}, {}),
        ({"categoryPreferences": "nonsense", "deniedConsentIds": 7}, {}, {}),
    ],
)
def test_the_event_goes_before_what_was_kept(
    said: dict[str, Any], known: dict[str, Any], answer: dict[int, str]
) -> None:
    """In the forms of Segment and of RudderStack; nonsense says nothing."""
    assert guard_consent(Batch((question(said=said, known=known),)), ConsentSettings()) == answer


def test_a_workspace_may_want_to_be_agreed_to() -> None:
    """Then silence is no."""
    settings = ConsentSettings(unless_refused=False)
    questions = Batch((question(), question(said=YES)))
    assert guard_consent(questions, settings) == {0: NOT_ASKED}


def test_each_purpose_needs_its_own_category() -> None:
    """And one without a category needs none."""
    questions = Batch(
        (question(said=NO, purpose=Purpose.PERSONALISATION), question(said=NO, purpose=Purpose.SUPPORT))
    )
    assert guard_consent(questions, ConsentSettings(unless_refused=False)) == {
        0: "Nobody agreed to Advertising, which PERSONALISATION needs."
    }
