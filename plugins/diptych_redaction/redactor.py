"""Walks through an event and puts words in the place of what was found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import partial
from typing import Any

from msgspec import structs

from cdp.model import Event, Redacted
from diptych_redaction import patterns
from diptych_redaction.settings import RedactionSettings

Finder = Callable[[str], Iterator[patterns.Span]]

_LEAST_DIGITS = 10**11
"""A smaller number is no card number."""


class Redactor:
    """Redacts by the settings of one workspace."""

    def __init__(self, settings: RedactionSettings) -> None:
        wanted: list[tuple[str, Finder, bool]] = [
            ("email", patterns.emails, settings.emails),
            ("iban", patterns.ibans, settings.ibans),
            ("card", patterns.cards, settings.cards),
            ("phone", partial(patterns.phones, country=settings.country), settings.phones),
        ]
        self._finders = [(what, finder) for what, finder, on in wanted if on]
        self._keep = _any_of(settings.keep)
        self._always = _any_of(settings.always)

    def redact(self, event: Event) -> Redacted | None:
        """The event without personal data; None: it holds none."""
        found: Counter[str] = Counter()
        name = self._text(event.name, found)
        properties = self._value(event.properties, "properties", found)
        context = self._value(event.context, "context", found)
        if not found:
            return None
        redacted = structs.replace(event, name=name, properties=properties, context=context)
        return Redacted(event=redacted, found=dict(found))

    def _value(self, value: Any, path: str, found: Counter[str]) -> Any:
        if self._always is not None and self._always.match(path) and value is not None:
            found["field"] += 1
            return "[redacted]"
        match value:
            case str():
                return value if self._keeps(path) else self._text(value, found)
            case dict():
                return {
                    self._text(key, found): self._value(item, f"{path}.{key}", found)
                    for key, item in value.items()
                }
            case list():
                return [self._value(item, path, found) for item in value]
            case int() if value >= _LEAST_DIGITS and not self._keeps(path):
                text = self._text(str(value), found)
                return value if text == str(value) else text
            case _:
                return value

    def _keeps(self, path: str) -> bool:
        return self._keep is not None and self._keep.match(path) is not None

    def _text(self, text: str, found: Counter[str]) -> str:
        if not patterns.suspicious(text):
            return text
        for what, finder in self._finders:
            spans = list(finder(text))
            for start, end in reversed(spans):
                text = f"{text[:start]}[{what}]{text[end:]}"
            if spans:
                found[what] += len(spans)
        return text


def _any_of(paths: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(translate, paths))) if paths else None
