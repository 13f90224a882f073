"""What people were shown is recorded through the ordinary intake, and reported with what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.mutations.conftest import NOW, Api, Asking
from tests.personalisation.conftest import Slotted

REPORT = """query ($slot: String!, $since: DateTime, $control: String) {
  personalisationReport(slot: $slot, since: $since, control: $control) {
    slot since until arms { variant impressions treated { people converted rate } control { people converted rate }
      lift { difference lower upper relative } } } }"""


def shown(user: str, variant: str, hour: int = 0, **more: str) -> dict[str, Any]:
    return {
        "type": "TRACK",
        "userId": user,
        "event": "Personalisation Shown",
        "properties": {"slot": "banner", "variant": variant, **more},
        "timestamp": (NOW - timedelta(days=3) + timedelta(hours=hour)).isoformat(),
    }


def acted(user: str, event: str = "Demo Requested", hour: int = 1, **properties: str) -> dict[str, Any]:
    at = NOW - timedelta(days=3) + timedelta(hours=hour)
    return {
        "type": "TRACK",
        "userId": user,
        "event": event,
        "properties": properties,
        "timestamp": at.isoformat(),
    }


async def arms(api: Api, **given: Any) -> dict[str, dict[str, Any]]:
    report = (await api.run(REPORT, slot="banner", **given))["personalisationReport"]
    return {arm["variant"]: arm for arm in report["arms"]}


async def test_a_variant_is_compared_with_those_from_whom_it_was_withheld(slots: Slotted, api: Api) -> None:
    """Everybody counts once, where they were first; an outcome counts in its period; fallbacks are nobody's."""
    await slots.define(goals=["Demo Requested"], goalWithin="P1D")
    await api.ingest(
        *(shown(f"a{number}", "a") for number in range(10)),
        shown("a0", "a", 1),
        shown("a0", "b", 2),
        shown("b0", "b"),
        shown("plain", "fallback"),
        acted("plain"),
        *(shown(f"h{number}", "holdout", withheld="a") for number in range(8)),
        shown("h9", "holdout", withheld="c"),
        *(acted(f"a{number}") for number in range(4)),
        acted("a0", hour=2),
        acted("a5", hour=25),
        acted("a6", hour=-1),
        acted("a7", "Personalisation Converted", slot="banner"),
        acted("a8", "Personalisation Converted", slot="elsewhere"),
        acted("h0"),
    )
    found = await arms(api)
    lift = found["a"].pop("lift")
    assert found == {
        "a": {
            "variant": "a",
            "impressions": 11,
            "treated": {"people": 10, "converted": 5, "rate": 0.5},
            "control": {"people": 8, "converted": 1, "rate": 0.125},
        },
        "b": {
            "variant": "b",
            "impressions": 2,
            "treated": {"people": 1, "converted": 0, "rate": 0.0},
            "control": None,
            "lift": None,
        },
        "c": {
            "variant": "c",
            "impressions": 0,
            "treated": None,
            "control": {"people": 1, "converted": 0, "rate": 0.0},
            "lift": None,
        },
    }
    assert lift == {
        "difference": 0.375,
        "lower": pytest.approx(-0.0598, abs=1e-4),
        "upper": pytest.approx(0.6577, abs=1e-4),
        "relative": 3.0,
    }


async def test_variants_can_be_compared_with_one_of_them(slots: Slotted, api: Api) -> None:
    """Where there is no holdout."""
    await slots.define(goals=["Demo Requested"])
    await api.ingest(shown("u1", "a"), shown("u2", "b"), acted("u2"))
    found = await arms(api, control="a")
    assert found["a"]["control"] is None
    assert (found["b"]["control"]["people"], found["b"]["lift"]["difference"]) == (1, 1.0)


async def test_merged_people_are_one_person_in_a_report(slots: Slotted, api: Api) -> None:
    """Impressions hang on identifiers, as all events do: who was anonymous and then signed in counts once."""
    await slots.define(goals=["Demo Requested"])
    anonymous = {**shown("", "a"), "userId": None, "anonymousId": "visitor"}
    await api.ingest(anonymous, shown("ada", "a", 1), acted("ada", hour=2))
    assert (await arms(api))["a"]["treated"]["people"] == 2
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "anonymousId": "visitor"})
    assert (await arms(api))["a"]["treated"] == {"people": 1, "converted": 1, "rate": 1.0}


async def test_a_report_is_of_its_period_and_of_a_slot_that_there_is(slots: Slotted, api: Api) -> None:
    await slots.define()
    await api.ingest(shown("u1", "a"), shown("u2", "a", 24))
    since = (NOW - timedelta(days=2, hours=12)).isoformat()
    assert (await arms(api, since=since))["a"]["impressions"] == 1
    first = REPORT.replace("control: $control", 'control: $control, until: "0001-01-02T00:00:00Z"')
    assert (await api.run(first, slot="banner"))["personalisationReport"]["arms"] == []
    for given, code in (
        ({"slot": "nobody's"}, "NOT_FOUND"),
        ({"slot": "banner", "since": NOW.isoformat()}, "BAD_USER_INPUT"),
        ({"slot": "banner", "since": "2020-01-01T00:00:00Z"}, "BAD_USER_INPUT"),
    ):
        answer = await api.ask(REPORT, **given)
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_an_impression_is_recorded_by_mutation_as_if_it_had_been_tracked(
    slots: Slotted, api: Api, asking: Asking
) -> None:
    """It counts for caps at once, and once per message id; it is known to the catalogue and feeds no panel."""
    await slots.define()
    await slots.variant("a", cap={"times": 1})
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    person = await api.person("user_id", "ada", "id")
    given = {"userId": "ada", "slot": "banner", "variant": "a", "messageId": "m-1"}
    selection = "messageId duplicate userErrors { code field }"
    record = "personalisationRecord"
    assert (await slots.choice("ada"))["variant"] == "a"
    assert await api.mutate(record, selection, given) == {
        "messageId": "m-1",
        "duplicate": False,
        "userErrors": [],
    }
    assert (await api.mutate(record, selection, given))["duplicate"] is True
    assert (await slots.choice("ada"))["variant"] == "fallback"
    await api.mutate(record, selection, {**given, "messageId": "m-2", "event": "CONVERTED"})
    held = {**given, "messageId": "m-3", "variant": "holdout", "withheld": "a"}
    assert (await api.mutate(record, selection, held))["userErrors"] == []
    told = await api.run(
        """query ($id: ID!) { profile(id: $id) { timeline(first: 3) { nodes { name lenses properties source } } }
          catalogue { unclassified { name } } }""",
        id=person["id"],
    )
    assert sorted(told["profile"]["timeline"]["nodes"], key=str) == [
        {"name": name, "lenses": ["NONE"], "properties": properties, "source": "graphql"}
        for name, properties in (
            ("Personalisation Converted", {"slot": "banner", "variant": "a"}),
            ("Personalisation Shown", {"slot": "banner", "variant": "a"}),
            ("Personalisation Shown", {"slot": "banner", "variant": "holdout", "withheld": "a"}),
        )
    ]
    assert told["catalogue"] == {"unclassified": []}


async def test_what_cannot_be_recorded_is_said(api: Api) -> None:
    """Of nobody, a holdout of nothing, a variant without a name."""
    for field, changes in {
        "userId": {"userId": None},
        "withheld": {"variant": "holdout"},
        "variant": {"variant": ""},
    }.items():
        payload = await api.mutate(
            "personalisationRecord",
            "messageId userErrors { field }",
            {"userId": "ada", "slot": "banner", "variant": "a", **changes},
        )
        assert payload == {"messageId": None, "userErrors": [{"field": ["input", field]}]}, field
