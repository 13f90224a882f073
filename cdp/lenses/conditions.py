"""Conditions of catalogue entries: tests on one property of an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdp.errors import BadInput
from cdp.model import Condition, ConditionOperator

Test = Callable[[Mapping[str, Any]], bool]
"""A compiled condition: properties in, verdict out; it never raises."""

_LONGEST_PATH = 200
_ORDERS = {ConditionOperator.GT, ConditionOperator.GTE, ConditionOperator.LT, ConditionOperator.LTE}


def find(properties: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None where it is missing or null: the two are not told apart.

    A property whose own name holds the dots wins over the path: `{"plan.name": 1}` answers `plan.name`.
    """
    value = properties.get(path)
    if value is not None or "." not in path:
        return value
    value = properties
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def compile_test(condition: Condition) -> Test:
    """The test that a condition stands for.

    EQ, NE, IN and CONTAINS on text mind the case. GT, GTE, LT and LTE compare numbers (also numbers in text) by value
    and other text by code point, which is right for ISO dates. CONTAINS finds a part of a text or a member of a list.
    """
    path, wanted = condition.property, condition.value
    if condition.operator is ConditionOperator.EXISTS:
        expected = wanted is None or bool(wanted)
        return lambda properties: (find(properties, path) is not None) is expected
    compare = _COMPARISONS[condition.operator]

    def test(properties: Mapping[str, Any]) -> bool:
        found = find(properties, path)
        return found is not None and compare(found, wanted)

    return test


def check_condition(condition: Condition) -> None:
    """Refuse a condition that could never hold.

    Raises:
        BadInput: the property is not a path, or the operator cannot use the value.
    """
    path, value, operator = condition.property, condition.value, condition.operator
    if not path.strip() or len(path) > _LONGEST_PATH or "\0" in path:
        raise BadInput(
            "A condition names its property by a dotted path of 1 to 200 characters.", field=("property",)
        )
    if operator is ConditionOperator.IN:
        if not isinstance(value, list | tuple) or not value:
            raise BadInput(f"IN on {path!r} wants a list with at least one value.", field=("value",))
    elif operator is ConditionOperator.EXISTS:
        if value is not None and not isinstance(value, bool):
            raise BadInput(f"EXISTS on {path!r} wants true, false or nothing.", field=("value",))
    elif operator is ConditionOperator.STARTS_WITH:
        if not isinstance(value, str) or not value:
            raise BadInput(f"STARTS_WITH on {path!r} wants a text.", field=("value",))
    elif operator in _ORDERS:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise BadInput(f"{operator} on {path!r} wants a number or a text.", field=("value",))
    elif value is None:
        raise BadInput(
            f"{operator} on {path!r} wants a value; EXISTS tells whether there is one.", field=("value",)
        )


def _same(found: Any, wanted: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return isinstance(found, bool) is isinstance(wanted, bool) and bool(found == wanted)


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted in found
    return isinstance(found, list) and any(_same(each, wanted) for each in found)


def _ordered(found: Any, wanted: Any) -> int | None:
    """-1, 0 or 1 as `found` is less than, equal to or greater than `wanted`; None where they cannot be compared."""
    left, right = _number(found), _number(wanted)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    if isinstance(found, str) and isinstance(wanted, str):
        return (found > wanted) - (found < wanted)
    return None


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if value == value else None  # noqa: PLR0124 - NaN alone differs from itself
    if isinstance(value, str) and len(value) <= 40:
        try:
            number = float(value)
        except ValueError:
            return None
        return number if number == number else None  # noqa: PLR0124 - as above
    return None


_COMPARISONS: dict[ConditionOperator, Callable[[Any, Any], bool]] = {
    ConditionOperator.EQ: _same,
    ConditionOperator.NE: lambda found, wanted: not _same(found, wanted),
    ConditionOperator.IN: lambda found, wanted: any(_same(found, each) for each in wanted or ()),
    ConditionOperator.CONTAINS: _contains,
    ConditionOperator.STARTS_WITH: lambda found, wanted: (
        isinstance(found, str) and found.startswith(str(wanted))
    ),
    ConditionOperator.GT: lambda found, wanted: _ordered(found, wanted) == 1,
    ConditionOperator.GTE: lambda found, wanted: _ordered(found, wanted) in (0, 1),
    ConditionOperator.LT: lambda found, wanted: _ordered(found, wanted) == -1,
    ConditionOperator.LTE: lambda found, wanted: _ordered(found, wanted) in (-1, 0),
}
