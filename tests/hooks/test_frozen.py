"""Values that plugins are shown: all of them look at one copy, which nobody can change."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import pytest
from msgspec import Struct

import cdp.model
from cdp.hooks.frozen import FrozenDict, FrozenList, frozen

KINDS = sorted(
    (
        kind
        for _, kind in inspect.getmembers(cdp.model, inspect.isclass)
        if issubclass(kind, Struct) and kind.__struct_config__.frozen and kind is not cdp.model.Batch
    ),
    key=lambda kind: kind.__name__,
)

ATOMS: Mapping[Any, Any] = {
    bool: True,
    int: 1,
    float: 1.5,
    str: "a",
    bytes: b"a",
    Decimal: Decimal(1),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
    date: date(2026, 1, 1),
    timedelta: timedelta(1),
    NoneType: None,
}


def made(hint: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind of declaration
    """A value so declared in which there is as much to change as there can be."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, NewType):
        return made(hint.__supertype__, depth)
    if origin in (Union, UnionType):
        return max((made(one, depth) for one in arguments), key=lambda value: len(list(reached(value))))
    if origin is tuple:
        return tuple(made(one, depth) for one in arguments if one is not Ellipsis)
    if origin is Literal:
        return arguments[0]
    if origin is frozenset or hint is frozenset:
        return frozenset(made(one, depth) for one in arguments)
    if origin in (dict, Mapping) or hint is dict:
        return {made(arguments[0], depth): made(arguments[1], depth)} if arguments else {"a": {"b": [1]}}
    if origin in (list, Sequence) or hint is list:
        return [made(arguments[0], depth)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if isinstance(hint, type) and issubclass(hint, Struct):
        if depth > 5:  # a type that holds itself
            return None
        return hint(**{name: made(one, depth + 1) for name, one in fields(hint).items()})
    return ATOMS.get(hint, {"a": [{"b": [1]}]})


def fields(kind: type[Struct]) -> dict[str, Any]:
    """What a type declares, by field."""
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.__struct_fields__}


def reached(value: Any) -> Iterator[Any]:
    """A value, and all that can be got from it."""
    yield value
    match value:
        case dict():
            parts = list(value.values())
        case list() | tuple() | frozenset():
            parts = list(value)
        case Struct():
            parts = [getattr(value, name) for name in value.__struct_fields__]
        case _:
            parts = []
    for part in parts:
        yield from reached(part)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_that_can_be_changed_is_reached_by_it(kind: type[Struct]) -> None:
    value = made(kind)
    safe = frozen(value)
    assert safe == value
    for one in reached(safe):
        if isinstance(one, dict | list | set):
            assert isinstance(one, FrozenDict | FrozenList), one
