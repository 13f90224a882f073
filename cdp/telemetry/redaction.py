"""Taking out of logs and traces what identifies somebody, and what lets somebody in.

The code says nothing of the kind in the first place: names, numbers, kinds of errors. This is the second wall, for what
libraries and plugins say, and for what slips through. Words that look like anybody's name cannot be told from others;
so that no errors' words are logged but those of the system's own, which speak of addresses and files.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

from cdp.telemetry.errors import described

HIDDEN = "•••"
"""What stands for what was taken out."""

_DEEPEST = 6
_LONGEST = 10_000
"""Characters of one text; what is longer is cut."""

# Every repetition is bounded where a text could have it begin anywhere: the time is linear in the length of a text.
_PATTERNS = (
    # Keys of ours, and JSON Web Tokens.
    (re.compile(r"\b(cdp_[a-z]{2,10}_)[A-Za-z0-9_\-]{6,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w\-]{5,2000}\.[\w\-]+(?:\.[\w\-]*){0,3}"), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+[\w+/=.~\-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # User and password in an address; secrets and people in a query string or a sentence.
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"\b((?:[\w\-]{0,40}(?:password|passwd|secret|token|api[_-]?key|authorization|cookie|email|phone))"
            r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;)}\]]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # Addresses, also as they are written in addresses of pages, and phone numbers as they are stored.
    (re.compile(r"[^\s\"'<>()\[\]{},;:=&?/@•]{1,256}(?:@|%40)[^\s\"'<>()\[\]{},;:=&?/@]+"), HIDDEN),
    (re.compile(r"\+\d[\d ()./\-]{6,18}\d"), HIDDEN),
)

_SUSPECT = re.compile(r"[@%+=:_. ]")
"""One of these is in every text of which something may be taken out; the texts of most lines have none."""

_suspect = _SUSPECT.search
_NUMBERS = frozenset({int, float, bool, type(None)})

_PRIVATE = re.compile(
    r"passw|secret|token$|authorization|api_?key|cookie|credential|email|phone|first_?name|last_?name|full_?name"
    r"|display_?name|birth|traits|properties|identifier|user_?id|anonymous_?id|^body$|^query$|^variables$|^sql$",
    re.IGNORECASE,
)
"""Names of what a line of a log or an attribute of a span does not hold, whatever it is."""

_KIND = re.compile(r"([A-Za-z_][\w.]*): ")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")


def redacted(text: str) -> str:
    """A text without e-mail addresses, phone numbers, keys, tokens and passwords."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    if _suspect(text) is None:
        return text
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def wordless(error: str) -> str:
    """Of what a plugin's failure says the kind of the error; where it has none, the sentence without what it quotes."""
    kind = _KIND.match(error)
    return kind.group(1) if kind is not None else redacted(_QUOTED.sub(HIDDEN, error))


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: every value redacted, errors described by their kind and place."""
    error = event.pop("exc_info", None)
    for name, value in event.items():
        kind = type(value)
        # Most lines, among them that of every request, hold nothing else.
        plain = kind in _NUMBERS or (kind is str and _suspect(value) is None)
        if not plain or is_private(name):
            event[name] = _value(name, value, 0)
    if (raised := _raised(error)) is not None:
        event.update(described(raised))
    return event


@lru_cache(maxsize=1_000)
def is_private(name: str) -> bool:
    """Whether something of this name is not for logs, whatever it is."""
    return _PRIVATE.search(name) is not None


def _value(name: str, value: Any, depth: int) -> Any:  # noqa: PLR0911 - a case each
    match value:
        case None | bool():
            return value
        case _ if is_private(name):
            return HIDDEN
        case int() | float():
            return value
        case Enum():
            return value.value
        case str():
            return redacted(value)
        case Decimal() | UUID() | date() | datetime() | time() | timedelta():
            return value if isinstance(value, (UUID, Decimal)) else str(value)
        case PurePath():
            return redacted(str(value))
        case BaseException():
            return type(value).__name__
        case Mapping() if depth < _DEEPEST:
            return {redacted(str(key)): _value(str(key), one, depth + 1) for key, one in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [_value(name, one, depth + 1) for one in value]
        case _:
            # Whatever it is, its representation may show a person.
            return f"<{type(value).__name__}>"


def _raised(given: Any) -> BaseException | None:
    """The error of `exc_info`, in each of the forms that loggers take."""
    match given:
        case BaseException():
            return given
        case (_, BaseException() as error, _):
            return error
        case None | False:
            return None
        case _:
            return sys.exc_info()[1]
