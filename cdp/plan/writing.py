"""How JSON is written by a statement: text that is known beforehand, and expressions that PostgreSQL puts in between.

PostgreSQL has constructors of JSON; they look up each value's type for each row. Here the schema knows the types, and
an object is one `concat` over all levels that need no row of their own: measured, half the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
)
from msgspec import Struct

from cdp.errors import BadInput

MOST_ARGUMENTS = 90
"""Of one call; PostgreSQL takes a hundred."""


class Fixed(Struct, frozen=True):
    """Text of the answer that is known while the plan is made. It is the schema's, never a client's."""

    text: str


Json: TypeAlias = tuple[str | Fixed, ...]
"""JSON in pieces: fixed text, and SQL expressions of type text that are never null."""

Pairs: TypeAlias = list[tuple[Json, Json]]
"""Keys and values of an object."""

NULL: Json = (Fixed("null"),)


def fixed(text: str) -> Json:
    """JSON that is known beforehand."""
    return (Fixed(text),)


def or_null(sql: str) -> Json:
    """An expression whose text is JSON, or that is null."""
    return (f"coalesce({sql}, 'null')",)


def object_of(pairs: Sequence[tuple[Json, Json]]) -> Json:
    """An object; its keys as `key_of` writes them."""
    pieces: list[str | Fixed] = [Fixed("{")]
    for place, (key, value) in enumerate(pairs):
        if place:
            pieces.append(Fixed(","))
        pieces += [*key, *value]
    return (*pieces, Fixed("}"))


def key_of(name: str) -> Json:
    """The key of an object's field, a name of the schema."""
    return fixed(f'"{name}":')


def alias_of(sql: str) -> Json:
    """The key of an object's field, a GraphQL name that is bound as a parameter."""
    return (Fixed('"'), sql, Fixed('":'))


def list_of(aggregate: str) -> Json:
    """An array, from an expression that joins its items with commas or is null."""
    return (Fixed("["), f"coalesce({aggregate}, '')", Fixed("]"))


def text_of(json: Json) -> str:
    """The SQL expression of the whole text."""
    arguments = [
        piece if isinstance(piece, str) else "'" + piece.text.replace("'", "''") + "'"
        for piece in _joined(json)
    ]
    if len(arguments) == 1 and isinstance(json[0], str):
        return arguments[0]
    if len(arguments) == 1:
        return f"{arguments[0]}::text"
    calls = [
        f"concat({', '.join(arguments[start : start + MOST_ARGUMENTS])})"
        for start in range(0, len(arguments), MOST_ARGUMENTS)
    ]
    return calls[0] if len(calls) == 1 else f"({' || '.join(calls)})"


@lru_cache(maxsize=8_192)
def scalar(sql: str, type_: GraphQLOutputType) -> Json:  # noqa: PLR0911 - a case each
    """A scalar or a list of scalars as the schema writes it; the same JSON as the scalar's own serializer gives."""
    named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(named, GraphQLList):
        return or_null(f"({sql})::text")
    if isinstance(named, GraphQLEnumType):
        return _quoted(f"({sql})::text")
    match get_named_type(named).name:
        case "DateTime":
            return _quoted(f"""to_char({sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""")
        case "Decimal":
            return _quoted(f"trim_scale({sql})::text")
        case "Int" if named is not type_:
            # GraphQL's Int has 32 bits. (LEAST passes over NULL, so this is not for what may be null.)
            return or_null(f"least({sql}, 2147483647)::int4::text")
        case "ID" | "Date" | "Duration":
            return _quoted(f"({sql})::text")
        case "Int" | "Float" | "Boolean" | "JSON":
            return or_null(f"({sql})::text")
        case _:
            return or_null(f"to_json(({sql})::text)::text")


def plain(sql: str) -> Json:
    """A value of any type as PostgreSQL itself writes it in JSON."""
    return or_null(f"to_json({sql})::text")


def object_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    """The object type inside lists and non-nulls."""
    named = get_named_type(type_)
    assert isinstance(named, GraphQLObjectType)
    return named


def read_key(number: int, sql_type: str) -> int | datetime:
    """A number of a global id as it is bound; moments are in microseconds since the year 1.

    Raises:
        BadInput: no such moment is in the calendar.
    """
    if sql_type != "timestamptz":
        return number
    try:
        return datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)
    except OverflowError:
        raise BadInput("This is not an id.") from None


def _quoted(sql: str) -> Json:
    """A text in which nothing has to be escaped."""
    return or_null(f"""'"' || {sql} || '"'""")


def _joined(json: Json) -> Iterable[str | Fixed]:
    """The same with neighbouring fixed texts made one."""
    held = ""
    for piece in json:
        if isinstance(piece, Fixed):
            held += piece.text
            continue
        if held:
            yield Fixed(held)
            held = ""
        yield piece
    if held:
        yield Fixed(held)
