"""Shapes: what a Python type that a plugin declares is made of, for whoever writes it as GraphQL or as options."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache, partial
from typing import Annotated, Any, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks.describing import attribute_docs, summary_of
from cdp.model import AccountId, ProfileId
from cdp.model.ids import decode_id_of, encode_id

SMALLEST_INT, LARGEST_INT = -(2**31), 2**31 - 1
"""GraphQL's Int has 32 bits."""


class Kind(StrEnum):
    """What a scalar is, by the name of GraphQL's type."""

    STRING = "String"
    INT = "Int"
    FLOAT = "Float"
    BOOLEAN = "Boolean"
    DATETIME = "DateTime"
    DATE = "Date"
    DECIMAL = "Decimal"
    DURATION = "Duration"
    JSON = "JSON"
    PROFILE = "Profile"
    """A global id, a number in Python."""
    ACCOUNT = "Account"


_GLOBAL = (Kind.PROFILE, Kind.ACCOUNT)


class Scalar(Struct, frozen=True):
    """One value."""

    kind: Kind


class Word(Struct, frozen=True):
    """A value of an enum."""

    type: type[Enum]
    description: str
    descriptions: tuple[tuple[str, str], ...]
    """Member → what it means."""


class Listed(Struct, frozen=True):
    """A list."""

    of: Shape


class Maybe(Struct, frozen=True):
    """Null, or that."""

    of: Shape


class Part(Struct, frozen=True):
    """An attribute of an object."""

    attribute: str
    key: str
    """What msgspec calls it."""
    shape: Shape
    description: str
    required: bool
    default: Any
    name: str
    """What GraphQL calls it."""


class Made(Struct, frozen=True):
    """An object."""

    type: type[Struct]
    description: str
    parts: tuple[Part, ...]


Shape: TypeAlias = Scalar | Word | Listed | Maybe | Made

_SCALARS: Mapping[Any, Kind] = {
    str: Kind.STRING,
    int: Kind.INT,
    float: Kind.FLOAT,
    bool: Kind.BOOLEAN,
    datetime: Kind.DATETIME,
    date: Kind.DATE,
    Decimal: Kind.DECIMAL,
    timedelta: Kind.DURATION,
    Any: Kind.JSON,
    dict: Kind.JSON,
    ProfileId: Kind.PROFILE,
    AccountId: Kind.ACCOUNT,
}


def camel(name: str) -> str:
    """A name as GraphQL writes it."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


@cache
def shape_of(type_: Any, *, described: bool = True) -> Shape:
    """What a type is made of.

    Args:
        type_: as an annotation says it.
        described: whether all attributes need a description.

    Raises:
        Misconfigured: it cannot be shown, or lacks a description; the sentence begins with a small letter.
    """
    return _shape(type_, (), described)


def _shape(  # noqa: PLR0911 - a case each
    type_: Any, within: tuple[type, ...], described: bool
) -> Shape:
    origin = get_origin(type_)
    if origin is Annotated:
        return _shape(get_args(type_)[0], within, described)
    if origin is Union or origin is types.UnionType:
        others = [one for one in get_args(type_) if one is not types.NoneType]
        if len(others) != 1 or len(others) == len(get_args(type_)):
            raise Misconfigured(f"{type_} is one of several types; only `| None` can be.")
        return Maybe(_shape(others[0], within, described))
    if origin in {list, tuple, Sequence}:
        return Listed(_shape(_item_of(type_), within, described))
    if origin is dict:
        return Scalar(Kind.JSON)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return _word(type_)
    if isinstance(type_, type) and issubclass(type_, Struct):
        return _made(type_, within, described)
    if (kind := _SCALARS.get(type_)) is not None:
        return Scalar(kind)
    if isinstance(type_, NewType):
        return _shape(type_.__supertype__, within, described)
    raise Misconfigured(f"{getattr(type_, '__name__', type_)} cannot be shown in GraphQL.")


def _item_of(type_: Any) -> Any:
    arguments = get_args(type_)
    if get_origin(type_) is tuple and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        raise Misconfigured(f"{type_} has a length; write tuple[{arguments[0].__name__}, ...].")
    return arguments[0]


def _word(type_: type[Enum]) -> Word:
    docs = attribute_docs(type_)
    said = tuple(
        (one.name, docs.get(one.name) or f"{one.name.replace('_', ' ').capitalize()}.") for one in type_
    )
    return Word(type_, summary_of(type_) or f"One of {len(said)} words.", said)


def _made(type_: type[Struct], within: tuple[type, ...], described: bool) -> Made:
    if type_ in within:
        raise Misconfigured(f"{type_.__name__} holds itself.")
    if not type_.__struct_config__.frozen:
        raise Misconfigured(
            f"{type_.__name__} is not frozen; write `class {type_.__name__}(Struct, frozen=True)`."
        )
    summary, docs = summary_of(type_), attribute_docs(type_)
    hints = get_type_hints(type_, include_extras=True)
    parts = []
    for field in msgspec.structs.fields(type_):
        said = _said(hints[field.name]) or docs.get(field.name, "")
        if described and not said:
            raise Misconfigured(
                f"{type_.__name__}.{field.name} has no docstring below it, which would describe it."
            )
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        shape = _shape(hints[field.name], (*within, type_), described)
        parts.append(
            Part(field.name, field.encode_name, shape, said, field.required, default, camel(field.name))
        )
    return Made(type_, summary, tuple(parts))


def _said(hint: Any) -> str:
    found = [one.description for one in get_args(hint)[1:] if isinstance(one, msgspec.Meta)]
    return next((one for one in found if one), "")


def objects_in(shape: Shape) -> Iterator[Made | Word]:
    """Every object and enum in a shape, those inside first."""
    match shape:
        case Listed(of=inner) | Maybe(of=inner):
            yield from objects_in(inner)
        case Made():
            for part in shape.parts:
                yield from objects_in(part.shape)
            yield shape
        case Word():
            yield shape
        case Scalar():
            pass


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(type_: Any, value: Any, *, described: bool = False) -> Any:
    """A value of a shape's type, from what GraphQL gives: names in its writing, global ids, words by their names.

    Raises:
        BadInput: it does not fit, such as the id of something else.
        msgspec.ValidationError: it does not fit by what the type's own constraints say.
    """
    return reader_of(type_, described=described)(value)


@cache
def reader_of(type_: Any, *, described: bool = False) -> Callable[[Any], Any]:
    """`read` for one type: what is the same for all values is looked at once."""
    plain = _plainer(shape_of(type_, described=described))
    if plain is None:
        return partial(msgspec.convert, type=type_)
    return lambda value: msgspec.convert(plain(value), type_)


def _plainer(shape: Shape) -> Callable[[Any], Any] | None:
    """Makes of what GraphQL gives what msgspec converts; None: it is that already."""
    match shape:
        case Scalar(kind=kind):
            return partial(_number, kind.value) if kind in _GLOBAL else None
        case Word(type=type_):
            return partial(_word_value, type_)
        case Listed(of=inner):
            plain = _plainer(inner)
            return None if plain is None else partial(_each, plain)
        case Maybe(of=inner):
            return _plainer(inner)
        case Made(parts=parts):
            steps = [(one.key, one.name, _plainer(one.shape)) for one in parts]
            left_out = [one.key for one in parts if one.required and isinstance(one.shape, Maybe)]
            if not left_out and all(key == name and plain is None for key, name, plain in steps):
                return None
            return partial(_fields, steps, dict.fromkeys(left_out))


def _number(type_name: str, value: Any) -> int | None:
    return None if value is None else decode_id_of(type_name, str(value))


def _word_value(type_: type[Enum], value: Any) -> Any:
    if value is None or isinstance(value, type_):
        return value
    return (type_[value] if isinstance(value, str) else value).value


def _each(plain: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else [plain(one) for one in value]


def _fields(
    steps: Sequence[tuple[str, str, Callable[[Any], Any] | None]], left_out: dict[str, None], value: Any
) -> Any:
    if value is None:
        return None
    given: dict[str, Any] = left_out.copy()
    for key, name, plain in steps:
        if name in value:
            given[key] = value[name] if plain is None else plain(value[name])
    return given


def unfit(shape: Shape, value: Any) -> str | None:  # noqa: PLR0911 - a case each
    """Why a value of the right Python type cannot be shown; None: it can."""
    if value is None:
        return None
    match shape:
        case Scalar(kind=Kind.INT) if not SMALLEST_INT <= value <= LARGEST_INT:
            return f"{value} is beyond 32 bits"
        case Scalar(kind=Kind.DECIMAL) if not value.is_finite():
            return f"{value} is no amount"
        case Listed(of=inner):
            return next((why for one in value if (why := unfit(inner, one)) is not None), None)
        case Maybe(of=inner):
            return unfit(inner, value)
        case Made(parts=parts):
            found = (unfit(one.shape, getattr(value, one.attribute)) for one in parts)
            return next((why for why in found if why is not None), None)
        case _:
            return None


def written(shape: Shape, value: Any) -> Any:
    """A value as a variable of GraphQL: the reverse of `read`, without what is None."""
    if value is None:
        return None
    match shape:
        case Word():
            return value.name
        case Listed(of=inner):
            return [written(inner, one) for one in value]
        case Maybe(of=inner):
            return written(inner, value)
        case Made(parts=parts):
            given = {one.name: written(one.shape, getattr(value, one.attribute)) for one in parts}
            return {name: one for name, one in given.items() if one is not None}
        case _:
            return msgspec.to_builtins(shown(shape, value))


def shown(shape: Shape, value: Any) -> Any:
    """A scalar as GraphQL's own serializers take it."""
    match shape:
        case Scalar(kind=kind) if kind in _GLOBAL and value is not None:
            return encode_id(kind.value, value)
        case Maybe(of=inner):
            return shown(inner, value)
        case Listed(of=inner) if value is not None:
            return [shown(inner, one) for one in value]
        case _:
            return value
