"""Placeholders, and what stands in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from cdp.model import AccountEnrichmentRequest, EnrichmentRequest, Identifier

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[^{}]+)?)\}")


class Missing(Exception):
    """There is nothing to put in a placeholder's place: the API cannot be asked."""


class Known(Struct, frozen=True, kw_only=True):
    """What placeholders may stand for."""

    values: dict[str, str]
    identifiers: dict[str, Identifier]
    """By kind, of a person."""

    def about(self, names: Iterator[str]) -> Identifier | None:
        """The identifier that an answer follows from: the first that a text names, or any; None: an account."""
        named = next((self.identifiers[name] for name in names if name in self.identifiers), None)
        return named or next(iter(self.identifiers.values()), None)


def of_person(request: EnrichmentRequest) -> Known:
    """Identifiers by kind, the first of each, and traits."""
    identifiers: dict[str, Identifier] = {}
    for one in request.identifiers:
        identifiers.setdefault(one.kind, one)
    values = {kind: one.value for kind, one in identifiers.items()}
    return Known(values=values | _traits(request.traits), identifiers=identifiers)


def of_account(request: AccountEnrichmentRequest) -> Known:
    """What it goes by, and traits."""
    named = {"domain": request.domain, "name": request.name, "group_id": request.group_id}
    values = {name: value for name, value in named.items() if value}
    return Known(values=values | _traits(request.traits), identifiers={})


def names_in(*texts: Any) -> Iterator[str]:
    """The names of the placeholders in texts, and in the texts of JSON."""
    for text in texts:
        match text:
            case str():
                yield from _PLACEHOLDER.findall(text)
            case dict():
                yield from names_in(*text.values())
            case list():
                yield from names_in(*text)


def fill(text: str, values: dict[str, str], write: Callable[[str], str] = str) -> str:
    """The text with every placeholder replaced.

    Raises:
        Missing: one of them stands for nothing.
    """

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            raise Missing(match[1])
        return write(value)

    return _PLACEHOLDER.sub(value_of, text)


def encoded(value: str) -> str:
    """As it stands in a URL, wherever in it."""
    return quote(value, safe="")


def fill_json(value: Any, values: dict[str, str]) -> Any:
    """JSON with the placeholders in its texts replaced.

    Raises:
        Missing: one of them stands for nothing.
    """
    match value:
        case str():
            return fill(value, values)
        case dict():
            return {key: fill_json(one, values) for key, one in value.items()}
        case list():
            return [fill_json(one, values) for one in value]
        case _:
            return value


def _traits(traits: dict[str, Any]) -> dict[str, str]:
    return {
        f"traits.{key}": str(value)
        for key, value in traits.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    }
