"""Cursors: the sort values of a row, with the order that they belong to, as opaque text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from cdp.errors import BadInput
from cdp.plan.entities import SortKey

Order = Sequence[tuple[SortKey, bool]]
"""Keys and whether each is descending; the last ones make it total."""

_LONGEST = 8_000
_LONGEST_NUMBER = 1_000


def signature(order: Order, of: Sequence[Any] = ()) -> str:
    """Names an order, with what its keys are of; a cursor of another one is refused."""
    text = ",".join(f"{key.name or key.sql} {'desc' if descending else 'asc'}" for key, descending in order)
    if of:
        text += json.dumps(list(of))
    return hashlib.blake2s(text.encode(), digest_size=6).hexdigest()


def cursor_sql(order: Order, named: str) -> str:
    """The cursor of a row, as PostgreSQL writes it. `named` is the order's signature as a SQL text."""
    values = ", ".join(_written(key) for key, _ in order)
    array = f"convert_to(json_build_array({named}, {values})::text, 'UTF8')"
    # URL-safe, and without the padding and the line breaks of MIME.
    return rf"translate(encode({array}, 'base64'), E'+/=\n', '-_')"


def read_cursor(text: Any, order: Order, of: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The sort values in a cursor of this order, whose keys are of this.

    Raises:
        BadInput: it is not a cursor of this order.
    """
    wrong = BadInput(
        "This is not a cursor of this list in this order; take one from its `pageInfo` or `edges`."
    )
    if not isinstance(text, str) or not text or len(text) > _LONGEST:
        raise wrong
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        named, *values = json.loads(decoded)
        if named != signature(order, of) or len(values) != len(order):
            raise wrong
        return tuple(_READ[key.sql_type](value, key) for value, (key, _) in zip(values, order, strict=True))
    except (binascii.Error, ValueError, TypeError, RecursionError, OverflowError):
        raise wrong from None


def _written(key: SortKey) -> str:
    match key.sql_type:
        case "timestamptz":
            return f"(extract(epoch FROM {key.sql}) * 1000000)::int8"
        case "float8" | "int8" | "int4":
            return key.sql
        case _:
            return f"{key.sql}::text"


def _number(value: Any, key: SortKey) -> Any:
    if value is None and key.nullable:
        return None
    bits = 31 if key.sql_type == "int4" else 63
    if type(value) is not int or not -(2**bits) <= value < 2**bits:
        raise ValueError(value)
    return value


def _float(value: Any, key: SortKey) -> float | None:
    if value is None and key.nullable:
        return None
    # PostgreSQL writes what JSON has no number for as a text.
    if type(value) not in (int, float) and value not in {"Infinity", "-Infinity", "NaN"}:
        raise ValueError(value)
    number = float(value)
    if math.isinf(number) and isinstance(value, int):
        raise ValueError(value)
    return number


def _moment(value: Any, key: SortKey) -> datetime | None:
    microseconds = _number(value, key)
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _decimal(value: Any, key: SortKey) -> Decimal | None:
    if value is None and key.nullable:
        return None
    try:
        number = Decimal(value if isinstance(value, str) and len(value) <= _LONGEST_NUMBER else "")
    except InvalidOperation:
        raise ValueError(value) from None
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
        raise ValueError(value)
    return number


def _text(value: Any, key: SortKey) -> str | None:
    if value is None and key.nullable:
        return None
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError(value)
    value.encode()
    return value


_READ: dict[str, Callable[[Any, SortKey], Any]] = {
    "int4": _number,
    "int8": _number,
    "float8": _float,
    "numeric": _decimal,
    "timestamptz": _moment,
    "text": _text,
}
