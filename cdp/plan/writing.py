"""How values are written as JSON, and how global ids are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graphql import (
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    get_named_type,
)

from cdp.errors import BadInput


def written_as(sql: str, type_: GraphQLOutputType) -> str:
    """A scalar as the schema writes it; the same text as the scalar's own serializer would give."""
    named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if not isinstance(named, GraphQLScalarType):
        return sql
    match named.name:
        case "DateTime":
            return f"""to_char({sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        case "Decimal":
            return f"trim_scale({sql})::text"
        case "Int" if named is not type_:
            # GraphQL's Int has 32 bits. (LEAST passes over NULL, so this is not for what may be null.)
            return f"least({sql}, 2147483647)::int4"
        case _:
            return sql


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
