"""Finding personal data in text. Each finder yields where something begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from stdnum import iban, luhn

Span = tuple[int, int]

_EMAIL = re.compile(r"[\w.!$'*+^`{|}~-]{1,64}(?:@|%40)\w[\w-]{0,62}(?:\.[\w-]{1,63})+")
"""Without the signs that part a URL; bounded, so that a text is searched in time that grows with its length."""
_CARD = re.compile(r"(?<![\w.])[2-6](?:[ -]?\d){12,18}(?![\w.]\d)")
"""Card numbers begin with 2 to 6: a time in milliseconds, which begins with 1, is none."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}")
_SHORTEST_IBAN = 15
_DIGIT = re.compile(r"\d")
_FEWEST_DIGITS = 7
"""Of a number that anything is found by, be it a phone's, a card's or a bank account's."""


def suspicious(text: str) -> bool:
    """Whether any finder may find something; quick, because most texts are not."""
    return "@" in text or "%40" in text or len(_DIGIT.findall(text)) >= _FEWEST_DIGITS


def emails(text: str) -> Iterator[Span]:
    """Addresses, also as they are written in the query of a URL."""
    if "@" in text or "%40" in text:
        for found in _EMAIL.finditer(text):
            yield found.span()


def cards(text: str) -> Iterator[Span]:
    """Card numbers: 13 to 19 digits whose last one checks the others."""
    for found in _CARD.finditer(text):
        if luhn.is_valid(re.sub(r"[ -]", "", found[0])):
            yield found.span()


def ibans(text: str) -> Iterator[Span]:
    """Bank accounts whose check digits and length fit their country."""
    for found in _IBAN.finditer(text):
        start, end = found.span()
        # What follows an IBAN may look like more of it.
        while end - start >= _SHORTEST_IBAN:
            if text[end - 1] != " " and iban.is_valid(text[start:end], check_country=False):
                yield start, end
                break
            end -= 1


def phones(text: str, country: str | None) -> Iterator[Span]:
    """Numbers that exist."""
    if country is None and "+" not in text:
        return
    for found in phonenumbers.PhoneNumberMatcher(text, country):
        yield found.start, found.end
