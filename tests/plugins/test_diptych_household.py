"""Households: one pays and decides, another uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from cdp.model import IntentFacts, RoleContribution
from diptych_household import HouseholdSettings, register_roles, resolve_roles
from tests.plugins.people import FAMILY, FIRM, person, usage

HOME = structs.replace(FAMILY, member_count=3, purchase_count=2)
BOUGHT = IntentFacts(purchase_count=2)


def claims(**facts: Any) -> dict[str, RoleContribution]:
    settings = facts.pop("settings", HouseholdSettings())
    found = resolve_roles(person(**({"account": HOME} | facts)), settings)
    return {one.role: one for one in found}


def held(**facts: Any) -> dict[str, float]:
    return {role: one.confidence for role, one in claims(**facts).items()}


def test_who_pays_for_others_is_a_parent_and_who_uses_it_a_child() -> None:
    """The surer where one only pays and the other only uses."""
    assert held(intent=BOUGHT) == {"PARENT": 0.75}
    assert held(intent=BOUGHT, usage=usage(3)) == {"PARENT": 0.6}
    assert held(usage=usage(3)) == {"CHILD": 0.5}
    assert claims(intent=BOUGHT)["PARENT"].evidence[0].reason == (
        "pays for a household of 3, and does not use it"
    )


def test_alone_at_work_and_with_oneself_nobody_is_a_parent() -> None:
    """A household of one has no parent; an organisation has neither."""
    assert held(intent=BOUGHT, account=structs.replace(HOME, member_count=1)) == {}
    assert held(intent=BOUGHT, usage=usage(2), account=FIRM) == {}
    assert held(intent=BOUGHT, account=None) == {}
    assert held(usage=usage(3), account=structs.replace(HOME, purchase_count=0)) == {}


@pytest.mark.parametrize(("word", "role"), [("Mother", "PARENT"), (" guardian", "PARENT"), ("son", "CHILD")])
def test_what_somebody_is_called_counts_most(word: str, role: str) -> None:
    """In any spelling."""
    assert held(traits={"household_role": word}) == {role: 0.95}


def test_a_child_is_one_until_the_birthday() -> None:
    """By the birth date alone; from the birthday on it holds no longer, without an event."""
    born = {"birthday": "2010-06-15"}
    child = claims(traits=born)["CHILD"]
    assert (child.confidence, child.until) == (0.9, datetime(2028, 6, 15, tzinfo=UTC))
    assert child.evidence[0].facts == {"under": 18}
    assert held(traits=born, settings=HouseholdSettings(adult_age=15)) == {}
    assert claims(traits={"birthdate": "2012-02-29"})["CHILD"].until == datetime(2030, 3, 1, tzinfo=UTC)
    assert held(traits={"birthday": "31.12.2012"}) == {}


def test_age_decides_what_behaviour_alone_may_suggest() -> None:
    """A minor who pays is no parent, and a grown-up who only uses is no child."""
    assert held(traits={"birthday": "2010-06-15"}, intent=BOUGHT) == {"CHILD": 0.9}
    assert held(traits={"birthday": "1980-06-15"}, usage=usage(3)) == {}
    assert held(traits={"birthday": "2010-06-15"}, usage=usage(3)) == {"CHILD": 0.95}


def test_the_parent_belongs_to_the_buying_committee() -> None:
    """The child does not."""
    assert {one.name: one.buying for one in register_roles()} == {"PARENT": True, "CHILD": False}
