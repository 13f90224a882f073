from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.lenses.catalogue import merge_entries
from cdp.lenses.fold import Item, decayed, fold, fold_events
from cdp.lenses.summaries import Register, Summaries, Tally, combine
from cdp.model import (
    AccountId,
    CatalogueEntry,
    Contribution,
    Event,
    EventType,
    Lens,
    Measure,
    NodeId,
    Workspace,
)
from tests.lenses.parts import EPOCH, WORKSPACE, event

UNIT = 2**40


def folded(*events: Event, workspace: Workspace = WORKSPACE) -> Summaries:
    return fold([(each, NodeId(1), AccountId(0)) for each in events], workspace)


def tallies(summaries: Summaries) -> dict[tuple[str, str], tuple[int, float]]:
    """(kind, key) → (count, weight)."""
    return {
        (kind, key): (tally.count, tally.units / UNIT)
        for (_, _, kind, key), tally in summaries.tallies.items()
    }


# ── The algebra ──────────────────────────────────────────────────────────────────────────────────────────────────────

amounts = st.one_of(
    st.none(),
    st.integers(-5, 10**16),
    st.floats(),
    st.sampled_from(["19.99", "x", "1e5", True, [1], "NaN", " 7 "]),
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(["A", "B", 7, ""]),
        "total": amounts,
        "currency": st.sampled_from(["usd", "EUR", "euros", None]),
        "feature": st.sampled_from(["dash", "export", "", None]),
        "step": st.sampled_from(["invite", "import"]),
        "path": st.sampled_from(["/pricing", "/", "/blog"]),
        "nps": amounts,
        "rating": amounts,
        "renewal_date": st.sampled_from(["2027-01-01", "soon", None]),
        "email": st.sampled_from(["a@example.com", None]),
    },
)
NAMES = sorted({entry.event for entry in WORKSPACE.entries} | {"Llama Groomed", "feature used", "Identified"})


@st.composite
def traffic(draw: st.DrawFn) -> list[Item]:
    """Events with message ids of their own, as ingest lets them through."""
    items = []
    for number in range(draw(st.integers(0, 25))):
        name = draw(st.sampled_from(NAMES))
        items.append(
            (
                event(
                    name,
                    draw(properties),
                    message_id=f"m{number}",
                    type=EventType.IDENTIFY if name == "Identified" else EventType.TRACK,
                    occurred_at=EPOCH + timedelta(hours=draw(st.integers(-10_000, 10_000))),
                    source=draw(st.sampled_from(["tracking", "human:Jo"])),
                    context=draw(st.sampled_from([{}, {"traits": {"plan": "pro"}}, {"traits": None}])),
                ),
                NodeId(draw(st.integers(1, 2))),
                AccountId(draw(st.integers(0, 1))),
            )
        )
    return items


@given(traffic(), st.data())
def test_any_order_and_any_batching_give_the_same_summaries(items: list[Item], data: st.DataObject) -> None:
    """The promise that lets late events, retries and several processes work without coordination."""
    shuffled = data.draw(st.permutations(items))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(items)), max_size=4)))
    batches = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(items)], strict=True)]
    parts = data.draw(st.permutations([fold(batch, WORKSPACE) for batch in batches]))
    assert combine(parts) == fold(items, WORKSPACE)


@given(traffic(), traffic(), traffic())
def test_combining_is_associative_with_a_zero_and_changes_nothing_it_is_given(
    one: list[Item], two: list[Item], three: list[Item]
) -> None:
    renamed = [
        [(event_of(item, f"{label}{item[0].message_id}"), *item[1:]) for item in items]
        for label, items in (("a", one), ("b", two), ("c", three))
    ]
    a, b, c = (fold(items, WORKSPACE) for items in renamed)
    before = copy.deepcopy((a, b, c))
    assert combine([combine([a, b]), c]) == combine([a, combine([b, c])])
    assert combine([Summaries(), a]) == a == combine([a, Summaries()])
    assert (a, b, c) == before


def event_of(item: Item, message_id: str) -> Event:
    import msgspec

    return msgspec.structs.replace(item[0], message_id=message_id)


@given(traffic())
def test_units_are_whole_numbers_and_every_amount_is_finite(items: list[Item]) -> None:
    """Whatever clients send, what is stored can be added up exactly."""
    summaries = fold(items, WORKSPACE)
    assert all(type(tally.units) is int for tally in summaries.tallies.values())
    assert all(
        order.total.is_finite() and order.refunded.is_finite() and order.refunded >= 0
        for order in summaries.orders.values()
    )


# ── What events add ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_intent_event_adds_its_signal_and_stage_with_the_decayed_weight() -> None:
    """Fourteen days before the epoch a weight of 5 is worth 2.5."""
    summaries = folded(event("Pricing Viewed", occurred_at=EPOCH - timedelta(days=14)))
    assert tallies(summaries) == {
        ("seen", ""): (1, 0),
        ("signal", "pricing_viewed"): (1, 2.5),
        ("stage", "PRICING"): (1, 2.5),
    }


def test_a_feature_adds_its_use_its_days_and_the_activation() -> None:
    summaries = folded(
        event("Feature Used", {"feature": " export "}), event("Feature Used", {"feature_name": "dash"})
    )
    assert tallies(summaries) == {
        ("seen", ""): (2, 0),
        ("usage", ""): (2, 0),
        ("feature", "export"): (1, 0),
        ("feature", "dash"): (1, 0),
        ("ACTIVATION", ""): (2, 0),
    }
    assert {(feature, count) for (_, _, feature, _), count in summaries.days.items()} == {
        ("", 2),
        ("export", 1),
        ("dash", 1),
    }
    assert {day for _, _, _, day in summaries.days} == {date(2026, 11, 20)}


@pytest.mark.parametrize("name", ["step", "step_name", "name"])
def test_an_onboarding_step_is_named_by_its_property(name: str) -> None:
    summaries = folded(event("Onboarding Step Completed", {name: "Invite a colleague"}))
    assert tallies(summaries) == {
        ("seen", ""): (1, 0),
        ("usage", ""): (1, 0),
        ("ONBOARDING_STEP", ""): (1, 0),
        ("onboarding", "Invite a colleague"): (1, 0),
    }


def test_a_review_is_intent_usage_satisfaction_and_influence_at_once() -> None:
    summaries = folded(event("Review Submitted", {"rating": "4.5", "nps": 9}))
    assert tallies(summaries) == {
        ("seen", ""): (1, 0),
        ("signal", "review_submitted"): (1, 2),
        ("usage", ""): (1, 0),
        ("influence", ""): (1, 3),
        ("SATISFACTION", ""): (1, 0),
        ("REVIEW", ""): (1, 0),
    }
    registers = {key: register.value for (_, _, _, key), register in summaries.registers.items()}
    assert registers == {"nps": "9", "csat": "4.5"}


def test_an_event_with_two_usage_contributions_is_one_use() -> None:
    both = CatalogueEntry(
        event="Ping",
        contributions=(
            Contribution(lens=Lens.USAGE, feature="a"),
            Contribution(lens=Lens.USAGE, feature="b", measures=(Measure.SESSION,)),
        ),
    )
    workspace = Workspace(**{**as_dict(WORKSPACE), "entries": merge_entries([both])})
    summaries = folded(event("ping"), workspace=workspace)
    assert tallies(summaries) == {
        ("seen", ""): (1, 0),
        ("usage", ""): (1, 0),
        ("feature", "a"): (1, 0),
        ("feature", "b"): (1, 0),
        ("SESSION", ""): (1, 0),
    }


def as_dict(workspace: Workspace) -> dict[str, Any]:
    return {name: getattr(workspace, name) for name in workspace.__struct_fields__}


def test_each_event_says_which_panels_it_feeds() -> None:
    result = fold_events(
        [
            (event(name), NodeId(1), AccountId(0))
            for name in ("Pricing Viewed", "Signed In", "Signed Up", "Llama Groomed")
        ],
        WORKSPACE,
    )
    assert (result.intent, result.usage) == ([True, False, True, False], [False, True, True, False])


def test_what_a_person_stated_is_no_sign_of_life_of_whom_it_is_about() -> None:
    summaries = folded(
        event("Identified", {"name": "Ada"}, type=EventType.IDENTIFY, source="human:Support desk")
    )
    assert (summaries.tallies, len(summaries.registers)) == ({}, 1)


def test_traits_come_from_the_call_before_its_context_and_null_takes_one_away() -> None:
    call = event(
        "Identified",
        {"name": "Ada", "plan": None},
        type=EventType.IDENTIFY,
        context={"traits": {"name": "A.", "city": "London"}},
    )
    assert folded(call).registers == {
        (1, 0, "trait", key): Register(EPOCH, "m", json.dumps(value), "tracking")
        for key, value in {"name": "Ada", "plan": None, "city": "London"}.items()
    }


def test_the_traits_of_a_group_are_not_the_persons() -> None:
    assert folded(event("Grouped", {"name": "Acme"}, type=EventType.GROUP)).registers == {}


def test_a_trait_whose_name_no_index_could_hold_is_left_in_the_event() -> None:
    call = event("Identified", {"k" * 201: 1, "": 1, "k" * 200: 1}, type=EventType.IDENTIFY)
    assert [key for _, _, _, key in folded(call).registers] == ["k" * 200]


def test_a_contract_remembers_its_renewal() -> None:
    registers = folded(
        event("Contract Signed", {"contract_id": "C", "renewal_date": "2027-06-30T00:00:00Z"})
    ).registers
    assert registers == {(1, 0, "contract", "renewal_date"): Register(EPOCH, "m", '"2027-06-30"', "tracking")}


# ── Far times ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_weights_stay_in_range_in_any_year() -> None:
    """An event of year 1 is worth nothing, one of year 9999 is bounded, and both are stored."""
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    summaries = folded(event("Pricing Viewed", occurred_at=first), event("Demo Requested", occurred_at=last))
    old, new = (
        summaries.tallies[(NodeId(1), AccountId(0), "signal", name)]
        for name in ("pricing_viewed", "demo_requested")
    )
    assert (old, new) == (Tally(1, first, first, 0), Tally(1, last, last, 12 * 2**900 * UNIT))
    assert decayed(new.units, epoch=EPOCH, half_life_days=14, as_of=EPOCH) < float("inf")


def test_a_stored_weight_is_worth_half_a_half_life_later() -> None:
    worth = [
        decayed(8 * UNIT, epoch=EPOCH, half_life_days=14, as_of=EPOCH + timedelta(days=days))
        for days in (-14, 0, 14, 100_000)
    ]
    assert worth == [16.0, 8.0, 4.0, 0.0]
