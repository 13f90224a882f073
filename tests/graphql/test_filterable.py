"""Whatever a list shows it can be filtered and sorted by, with the outcome that the shown values suggest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from graphql import get_named_type, get_nullable_type, is_list_type

from cdp.graphql.query import ENTITIES as DECLARED
from cdp.plan.labels import Label
from tests.graphql.scalars_of_lists import (
    ONLY_SORTED,
    SORTED_BY,
    UNFILTERED,
    UNSORTED,
    Scalar,
    operators_of,
    scalars,
)

ALL = list(scalars())


def test_every_scalar_has_a_filter_or_a_reason_to_have_none() -> None:
    assert len(ALL) > 150
    found = {(one.entity, one.path) for one in ALL if operators_of(one) is not None}
    excused = {(one.entity, one.path) for one in ALL if one.is_in(UNFILTERED)}
    assert {(one.entity, one.path) for one in ALL} - found == excused
    for names in UNFILTERED.values():
        for name in names:
            assert any(one.is_in({"": (name,)}) for one in ALL), f"{name} is no field, or has a filter by now"


def test_every_scalar_has_an_order_or_a_reason_to_have_none() -> None:
    for one in ALL:
        keys = {field.value for field in DECLARED[one.entity].sorts}
        assert (SORTED_BY.get(one.path) in keys) != one.is_in(UNSORTED), f"{one.entity}.{one.path}"
    for entity in ("Profile", "Membership", "Account"):
        shown = {SORTED_BY[one.path] for one in ALL if one.entity == entity and one.path in SORTED_BY}
        assert {field.value for field in DECLARED[entity].sorts} - shown <= ONLY_SORTED


def test_a_filter_or_an_order_takes_the_scopes_of_the_field() -> None:
    """Else whoever may not see a value could find it out by asking often enough."""
    for one in ALL:
        operators = operators_of(one)
        assert operators is None or one.labels <= operators[1], f"filter by {one.entity}.{one.path}"
        for field, key in DECLARED[one.entity].sorts.items():
            if field.value == SORTED_BY.get(one.path):
                assert one.labels <= key.labels, f"order by {one.entity}.{one.path}"
    by_panel = {"LAST_SIGNAL_AT": Label.INTENT, "FIRST_USED_AT": Label.USAGE, "ACTIVATED_AT": Label.USAGE,
                "PERSON_NAME": Label.PII, "TRAIT_NUMBER": Label.PII}  # fmt: skip
    for entity in DECLARED.values():
        for field, key in entity.sorts.items():
            assert field.value not in by_panel or by_panel[field.value] in key.labels


LISTS = {
    "Profile": ("profiles", "ProfileFilter", "ProfileOrder"),
    "Account": ("accounts", "AccountFilter", "AccountOrder"),
}


def _listed(world: Any, entity: str, selection: str, **given: Any) -> list[dict[str, Any]]:
    """The whole list; of memberships, those of the account Acme."""
    where, order = f"{entity}Filter", f"{entity}Order"
    arguments = "first: 200, where: $where, orderBy: $order"
    if entity == "Membership":
        inner = f"people({arguments}) {{ nodes {{ id {selection} }} }}"
        listed = f'account(domain: "acme-works.com") {{ {inner} }}'
    else:
        listed = f"{LISTS[entity][0]}({arguments}) {{ nodes {{ id {selection} }} }}"
    data = world.data(f"query ($where: {where}, $order: [{order}!]) {{ {listed} }}", **given)
    found = next(iter(data.values()))
    nodes: list[dict[str, Any]] = (found["people"] if entity == "Membership" else found)["nodes"]
    return nodes


def _values(node: Any, steps: tuple[str, ...]) -> list[Any]:
    if isinstance(node, list):
        return [value for one in node for value in _values(one, steps)]
    if node is None:
        return []
    return _values(node[steps[0]], steps[1:]) if steps else [node]


def _as_compared(value: Any, type_name: str) -> Any:
    match type_name:
        case "Decimal":
            return Decimal(value)
        case "Duration":
            return int(value.removeprefix("PT").removesuffix("S"))
        case _:
            return value


@pytest.mark.parametrize("entity", ["Profile", "Membership", "Account"])
def test_a_filter_finds_those_whose_shown_value_meets_it(world: Any, entity: str) -> None:
    """For every scalar that has one, with values that somebody has."""
    told = 0
    tried = [
        one
        for one in ALL
        if one.entity == entity and one.steps[-1] not in {"traits", "id"} and operators_of(one) is not None
    ]
    nodes = _listed(world, entity, " ".join(one.selection for one in tried))
    for scalar in tried:
        operators = operators_of(scalar)
        assert operators is not None
        shown = {node["id"]: _values(node, scalar.steps) for node in nodes}
        values = sorted({value for some in shown.values() for value in some if value is not None}, key=str)
        for value in values[len(values) // 2 :][:1]:
            name, given, meets = _operator(scalar, operators[0].fields, value)
            where = scalar.filter_of({name: given})
            found = {node["id"] for node in _listed(world, entity, "", where=where)}
            assert found == {
                who for who, some in shown.items() if any(one is not None and meets(one) for one in some)
            }, where
            told += len(found) < len(shown)
    assert told > {"Profile": 40, "Membership": 40, "Account": 25}[entity], "most of this tells nothing"


def _operator(scalar: Scalar, operators: Any, value: Any) -> tuple[str, Any, Any]:
    if "gte" not in operators or operators["gte"].type.name.endswith("Stage"):
        return "eq", value, lambda one: one == value
    if scalar.type_name == "Float":
        # What is shown is rounded.
        bar = value - 1e-5
        return "gte", bar, lambda one: one >= bar
    least = _as_compared(value, scalar.type_name)
    return "gte", value, lambda one: _as_compared(one, scalar.type_name) >= least


SAMPLES = {
    "String": "x", "Int": 3, "Float": 0.5, "Boolean": True, "Decimal": "12.5", "Date": "2026-11-01",
    "DateTime": "2026-11-01T00:00:00Z", "Duration": "P1D", "JSON": {"a": [1, "x"]}, "BuyingStage": "PRICING",
    "IntentLevel": "HOT", "UsagePhase": "HABITUAL", "AccountKind": "HOUSEHOLD", "Alignment": "ALIGNED",
}  # fmt: skip


@pytest.mark.parametrize("entity", ["Profile", "Membership", "Account"])
def test_every_operator_of_every_filter_can_be_used(world: Any, entity: str) -> None:
    """By itself it may find nobody; it must be SQL that PostgreSQL takes for any value."""
    filters = []
    for scalar in (one for one in ALL if one.entity == entity):
        operators = operators_of(scalar)
        for name, field in operators[0].fields.items() if operators is not None else ():
            value = world.id_of("ann") if scalar.path == "id" and entity == "Profile" else None
            if scalar.path == "id" and value is None:
                continue
            type_ = get_named_type(field.type)
            sample = value or SAMPLES[type_.name]
            given = [sample] if is_list_type(get_nullable_type(field.type)) else sample
            operator = {"path": "a.b", name: given} if scalar.path == "traits" else {name: given}
            if name == "path":
                continue
            filters.append(scalar.filter_of([operator] if scalar.path == "traits" else operator))
    assert len(filters) > 250
    for start in range(0, len(filters), 40):
        found = _listed(world, entity, "", where={"or": filters[start : start + 40]})
        assert {one["id"] for one in found} <= {one["id"] for one in _listed(world, entity, "")}


OF = {"SIGNAL": "pricing_viewed", "FEATURE": "export", "PURCHASE_TOTAL": " eur", "TRAIT": "plan.name"}
ITEM = {
    "SIGNAL": ("name", "pricing_viewed"),
    "FEATURE": ("key", "export"),
    "PURCHASE_TOTAL": ("currency", "EUR"),
}
STAGES = ["AWARENESS", "RESEARCH", "COMPARISON", "PRICING", "NEGOTIATION", "PURCHASE", "RENEWAL"]
PHASES = ["NONE", "ONBOARDING", "ACTIVATED", "ADOPTING", "HABITUAL", "DORMANT"]


@pytest.mark.parametrize("entity", ["Profile", "Membership", "Account"])
def test_an_order_sorts_by_the_shown_value(world: Any, entity: str) -> None:
    """What is missing first; where something is counted or added up, nothing is zero."""
    told = 0
    for field in DECLARED[entity].sorts:
        path = next((path for path, name in SORTED_BY.items() if name == field.value), None)
        scalar = next((one for one in ALL if one.entity == entity and one.path == path), None)
        if scalar is None or scalar.steps[-1] == "traits":
            continue
        family = next((name for name in OF if field.value.startswith(name)), None)
        order = {"field": field.value, **({"of": OF[family]} if family else {})}
        selection = scalar.selection
        if family in ITEM:
            selection = selection.replace(scalar.steps[-1], f"{scalar.steps[-1]} {ITEM[family][0]}")
        nodes = _listed(world, entity, selection, order=[order])
        keys = [_sorted_by(node, scalar, family) for node in nodes]
        assert keys == sorted(keys), field
        assert len(nodes) == {"Profile": 37, "Membership": 3, "Account": 3}[entity]
        told += len(set(keys)) > 1
    assert told > {"Profile": 25, "Membership": 25, "Account": 15}[entity], "most of this tells nothing"


def _sorted_by(node: Any, scalar: Scalar, family: str | None) -> tuple[bool, Any]:
    if family in ITEM:
        name, wanted = ITEM[family]
        items = _values(node, scalar.steps[:-1])
        found = [one[scalar.steps[-1]] for one in items if one[name] == wanted]
    else:
        found = [value for value in _values(node, scalar.steps) if value is not None]
    nothing = 0 if family and scalar.type_name in {"Int", "Float", "Decimal"} else None
    value = found[0] if found else nothing
    if value in STAGES or value in PHASES:
        return True, (STAGES if value in STAGES else PHASES).index(value)
    return value is not None, "" if value is None else _as_compared(value, scalar.type_name)
