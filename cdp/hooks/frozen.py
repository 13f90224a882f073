"""Values as plugins are given them: all of them may look at one copy, since nobody can change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NewType, NoReturn, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, structs
from typing_extensions import override

from cdp.model import Batch


def _refused(self: object, *_arguments: object, **_named: object) -> NoReturn:
    kind = "object" if isinstance(self, dict) else "list"
    raise TypeError(f"this {kind} cannot be changed, as other plugins look at it too; make a copy of it")


class FrozenDict(dict[Any, Any]):
    """An object that can be read and copied, not changed."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refused
    clear = pop = popitem = setdefault = update = _refused

    @override
    def copy(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return _thawed(self)  # type: ignore[no-any-return]

    @override
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A list that can be read and copied, not changed."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refused
    append = clear = extend = insert = pop = remove = reverse = sort = _refused

    @override
    def copy(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return _thawed(self)  # type: ignore[no-any-return]

    @override
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return list, (list(self),)


def frozen(value: Any) -> Any:
    """The same value without a dict or list that can be changed; itself where there is none."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if kind is list:
        return FrozenList([frozen(item) for item in value])
    if kind is tuple:
        items = [frozen(item) for item in value]
        return value if all(map(_same, items, value)) else tuple(items)
    if isinstance(value, Struct):
        changed = {}
        for name in _open_fields(type(value)):
            item = getattr(value, name)
            if type(item) not in _ATOMS and (safe := frozen(item)) is not item:
                changed[name] = safe
        return structs.replace(value, **changed) if changed else value
    return value


@cache
def _open_fields(kind: type[Struct]) -> tuple[str, ...]:
    """The fields of a type by which something may be reached that can be changed; the others need no look."""
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if not _closed(hints[name], frozenset({kind})))


def _closed(hint: Any, within: frozenset[type]) -> bool:
    """Whether nothing that can be changed is reached by a value so declared."""
    if isinstance(hint, NewType):
        return _closed(hint.__supertype__, within)
    origin = get_origin(hint)
    if origin in (tuple, frozenset, Union, UnionType):
        return all(_closed(one, within) for one in get_args(hint))
    if not isinstance(hint, type):
        return hint is Ellipsis or origin is Literal
    if hint in _ATOMS or hint in within or issubclass(hint, Enum | timedelta):
        return True
    if issubclass(hint, Struct) and hint.__struct_config__.frozen:
        hints = get_type_hints(hint)
        return all(_closed(hints[name], within | {hint}) for name in hint.__struct_fields__)
    return False


def _same(one: object, other: object) -> bool:
    return one is other


def _thawed(value: Any) -> Any:
    match value:
        case dict():
            return {key: _thawed(item) for key, item in value.items()}
        case list():
            return [_thawed(item) for item in value]
        case _:
            return value


_ATOMS = frozenset(
    {str, int, float, bool, NoneType, datetime, date, Decimal, bytes, Batch, FrozenDict, FrozenList}
)
"""Types of values in which there is nothing to freeze; asked first, because it is quickest. A batch gives copies of
what is looked at."""
