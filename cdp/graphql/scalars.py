"""The scalars of the schema. Each reads what the specification behind it allows and writes one form only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import isodate
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

__all__ = ["JSON", "SCALARS", "write_datetime"]

_LONGEST_DURATION = timedelta(days=3_660)
_LONGEST_DECIMAL = 100
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_ENDS = {_FIRST: _FIRST + timedelta(microseconds=1), _LAST: _LAST - timedelta(microseconds=1)}
"""The ends of the calendar, which the driver would store as infinities and read without a zone."""


def write_datetime(value: datetime | str) -> str:
    """RFC 3339 in UTC with six decimals, as the planner's statements write it too; a text is already that."""
    if isinstance(value, str):
        return value
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def read_datetime(value: Any) -> datetime:
    """A moment; RFC 3339 requires the zone, and so does this."""
    if not isinstance(value, str):
        raise _refused(value, "a DateTime", "2026-03-01T09:30:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _refused(value, "a DateTime", "2026-03-01T09:30:00Z") from None
    if "T" not in value.upper() and " " not in value:
        raise _refused(value, "a DateTime", "2026-03-01T09:30:00Z")
    if moment.tzinfo is None:
        raise GraphQLError(f"{value[:80]!r} has no time zone; write it in UTC with a Z at the end.")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _refused(value, "a DateTime", "2026-03-01T09:30:00Z") from None
    return _ENDS.get(moment, moment)


def write_date(value: date | str) -> str:
    """ISO 8601, `2026-03-01`."""
    return value if isinstance(value, str) else value.isoformat()


def read_date(value: Any) -> date:
    """A day."""
    try:
        if isinstance(value, str) and len(value) == len("2026-03-01"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise _refused(value, "a Date", "2026-03-01")


def write_decimal(value: Decimal | str | int) -> str:
    """Digits without an exponent and without trailing zeros."""
    if isinstance(value, str):
        return value
    text = format(Decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_decimal(value: Any) -> Decimal:
    """An exact number; a text, or a whole number, which JSON and GraphQL write exactly."""
    if isinstance(value, (str, int)) and not isinstance(value, bool) and len(str(value)) <= _LONGEST_DECIMAL:
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise _refused(value, "a Decimal", "19.90") from None
        if number.is_finite() and abs(number.adjusted()) <= _LONGEST_DECIMAL:
            return number
    raise _refused(value, "a Decimal", "19.90")


def write_duration(value: timedelta | str) -> str:
    """ISO 8601 in days, hours, minutes and seconds."""
    return value if isinstance(value, str) else str(isodate.duration_isoformat(value))


def read_duration(value: Any) -> timedelta:
    """A length of time. Years and months are refused: they are not always equally long."""
    if not isinstance(value, str) or len(value) > 40:
        raise _refused(value, "a Duration", "P28D")
    try:
        duration = isodate.parse_duration(value)
    except (isodate.ISO8601Error, ValueError, OverflowError, ArithmeticError):
        raise _refused(value, "a Duration", "P28D") from None
    if not isinstance(duration, timedelta):
        raise GraphQLError(
            f"{value[:80]!r} has years or months, which are not always equally long; write days."
        )
    if abs(duration) > _LONGEST_DURATION:
        raise GraphQLError(f"{value[:80]!r} is longer than {_LONGEST_DURATION.days:,} days.")
    return duration


def read_json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    """Any JSON value that a document holds; not a number beyond all bounds, which would become infinity."""
    value = value_from_ast_untyped(node, variables)
    if not _is_finite(value):
        raise GraphQLError("The JSON holds a number that is out of range.")
    return value


def _is_finite(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case list():
            return all(map(_is_finite, value))
        case dict():
            return all(map(_is_finite, value.values()))
        case _:
            return True


def _refused(value: object, what: str, example: str) -> GraphQLError:
    return GraphQLError(f"{str(value)[:80]!r} is not {what}; write it like {example!r}.")


_ECMA_404 = "https://ecma-international.org/publications-and-standards/standards/ecma-404/"
_RFC_3339 = "https://www.rfc-editor.org/rfc/rfc3339"

SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment, in RFC 3339. Always answered in UTC with six decimals: `2026-03-01T09:30:00.000000Z`.",
        specified_by_url=_RFC_3339,
        serialize=write_datetime,
        parse_value=read_datetime,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day, as RFC 3339 writes a full date: `2026-03-01`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=write_date,
        parse_value=read_date,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as a text so that no program rounds it: `"19.9"`.',
        specified_by_url="https://speleotrove.com/decimal/daconvs.html",
        serialize=write_decimal,
        parse_value=read_decimal,
    ),
    timedelta: strawberry.scalar(
        name="Duration",
        description="A length of time in ISO 8601, of weeks, days, hours, minutes and seconds: `P28D`, `PT36H`.",
        specified_by_url="https://www.iso.org/iso-8601-date-and-time-format.html",
        serialize=write_duration,
        parse_value=read_duration,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url=_ECMA_404,
        serialize=lambda value: value,
        parse_value=lambda value: value,
        parse_literal=read_json_literal,
    ),
}
"""For StrawberryConfig.scalar_map: which Python type is which scalar."""
