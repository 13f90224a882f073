"""Money, scores and dates as events carry them: exact values out of JSON, and None for anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

_LIMIT = Decimal(10) ** 15
_MOST_DECIMALS = 20
_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,20})?\Z", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}\Z", re.ASCII)


def decimal_of(value: Any) -> Decimal | None:
    """The exact decimal that a JSON number or a number in text stands for.

    A float counts as the shortest text that names it: 19.99 is 19.99. Not amounts: true and false, NaN, infinities,
    10¹⁵ and more, more than 20 decimals, texts with anything but digits, sign and point (no `1e9`, no `1,299.00`).
    """
    if type(value) is float:
        # NaN compares false with everything; tiny numbers would come with exponents of any size.
        if not -1e15 < value < 1e15:
            return None
        number = Decimal(repr(value))
        exponent = number.as_tuple().exponent
        return number if isinstance(exponent, int) and exponent >= -_MOST_DECIMALS else None
    if type(value) is int:
        return Decimal(value) if -_LIMIT < value < _LIMIT else None
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if _AMOUNT.match(text) else None
    return None


def first_amount(properties: Mapping[str, Any], names: Iterable[str]) -> Decimal | None:
    """The first of several properties that is an amount; junk is passed over."""
    for name in names:
        value = properties.get(name)
        if value is not None and (amount := decimal_of(value)) is not None:
            return amount
    return None


def currency_of(value: Any, default: str) -> str:
    """A three-letter currency code in upper case; the default where there is none or it is no such code."""
    if isinstance(value, str) and _CURRENCY.match(value):
        return value.upper()
    return default


def score_of(value: Any) -> int | float | None:
    """A score that somebody gave (NPS, CSAT, stars), from a number or a number in text."""
    number = decimal_of(value)
    if number is None:
        return None
    whole = int(number)
    return whole if number == whole else float(number)


def date_of(value: Any) -> str | None:
    """The day of an ISO date or date-time, as `YYYY-MM-DD`."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return date.fromisoformat(value.strip()[:10]).isoformat()
    except ValueError:
        return None


def key_of(value: Any) -> str | None:
    """The name of a feature or a step, from a text or a whole number; at most 200 characters count."""
    if isinstance(value, str):
        return value.strip()[:200].strip() or None
    # JSON's whole numbers have any number of digits, an index has room for some.
    return str(value)[:200] if type(value) is int else None
