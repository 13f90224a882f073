"""Kinds of identifiers: how each is written in one way only, how strong it is, and what is junk.

Junk is what programs send when they have nothing to say: `null`, `undefined`, `anonymous`, `[object Object]`, zeros.
Two people who share it are not one person, so it is never an identifier, whatever its kind. `guest` and `unknown` are
junk too: as ids they are always many people. An e-mail address is not judged by its words (`test@example.com` may well
be a person in somebody's trial); a shared address is held back by the uniqueness of user ids and by the limits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from cdp.errors import Misconfigured
from cdp.model import Identifier, IdentifierKind

Kinds: TypeAlias = Mapping[str, IdentifierKind]
"""By name."""

USER_ID = "user_id"
EMAIL = "email"
PHONE = "phone"
DEVICE_ID = "device_id"
ANONYMOUS_ID = "anonymous_id"

WEAK = frozenset({DEVICE_ID, ANONYMOUS_ID})
"""Kinds that point at a device or a browser; all others name a person."""

LONGEST_VALUE = 512
"""Characters of an identifier's value; longer ones would not fit the index."""

JUNK = frozenset(
    {
        *("null", "undefined", "none", "nil", "nan", "void", "empty", "blank", "missing", "unset", "default"),
        *("anonymous", "anon", "unknown", "guest", "user", "na", "n/a", "tbd", "not set", "not available"),
        *(
            "true",
            "false",
            "[object object]",
            "[object]",
            "object object",
            "-1",
            "{}",
            "[]",
            '""',
            "''",
            "infinity",
        ),
    }
)
"""In lower case and without the brackets `()` or `<>` that may surround them, such as `(not set)`."""

_NOTHING_BUT_ZEROS = re.compile(r"[0\W_]*")
"""Zeros and punctuation: `0`, `---`, `00000000-0000-0000-0000-000000000000`."""
_ALL_ONES = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_junk(value: str) -> bool:
    """Whether a program wrote this for want of an identifier."""
    word = value.strip().lower()
    bare = word.strip("()<>").strip()
    return word in JUNK or bare in JUNK or word == _ALL_ONES or _NOTHING_BUT_ZEROS.fullmatch(word) is not None


def as_written(value: str, _country: str) -> str | None:
    """Ids of programs: kept to the letter, since `A1` and `a1` may be two people."""
    return value


@lru_cache(maxsize=65_536)
def email_address(value: str, _country: str) -> str | None:
    """The address in lower case and Unicode NFC, its domain not in Punycode; None: not an address.

    Nothing is asked of the DNS. Addresses under `.test` are fine, so that an integration can be tried out.
    """
    try:
        valid = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return unicodedata.normalize("NFC", valid.normalized.lower())


@lru_cache(maxsize=65_536)
def phone_number(value: str, country: str) -> str | None:
    """The number in E.164 (`+442079460958`), with `;ext=` where it has an extension; None: not a number that exists."""
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written};ext={number.extension}" if number.extension else written


DEFAULT_KINDS: tuple[IdentifierKind, ...] = (
    IdentifierKind(name=USER_ID, priority=10, limit=1, normalise=as_written),
    IdentifierKind(name=EMAIL, priority=20, limit=10, normalise=email_address),
    IdentifierKind(name=PHONE, priority=30, limit=5, normalise=phone_number),
    IdentifierKind(name=DEVICE_ID, priority=40, limit=100, normalise=as_written),
    IdentifierKind(name=ANONYMOUS_ID, priority=50, limit=1_000, normalise=as_written),
)

MOST_IDENTIFIERS = 2_000
"""Of one person, all kinds together: kinds that nobody registered may be any number, each with a limit of its own."""

UNREGISTERED = IdentifierKind(name="*", priority=45, limit=20, normalise=as_written)
"""How kinds behave that only `context.externalIds` names and no plugin has registered."""


def make_kinds(*more: IdentifierKind) -> dict[str, IdentifierKind]:
    """The kinds of the core and those that plugins register.

    Raises:
        Misconfigured: two have the same name, or a name that is none.
    """
    kinds: dict[str, IdentifierKind] = {}
    for kind in (*DEFAULT_KINDS, *more):
        if kind.name in kinds:
            raise Misconfigured(f"The identifier kind {kind.name!r} is registered twice; rename one of them.")
        if _NAME.fullmatch(kind.name) is None or kind.limit < 1:
            raise Misconfigured(
                f"The identifier kind {kind.name!r} needs a plain name and a limit of at least 1."
            )
        kinds[kind.name] = kind
    return kinds


def kind_of(kinds: Kinds, name: str) -> IdentifierKind:
    """How identifiers of this name behave, registered or not."""
    return kinds.get(name, UNREGISTERED)


def normalise(kinds: Kinds, kind: str, value: object, default_country: str) -> Identifier | None:
    """The identifier that a client meant, or None where this is not one: junk, not valid for its kind, too long.

    Args:
        kinds: what is registered; other names are ids as written, if the name is a plain one.
        kind: its name.
        value: a string or a whole number; everything else is no identifier.
        default_country: ISO 3166 region of phone numbers without a country code.
    """
    text = _text(value)
    if text is None or is_junk(text) or _NAME.fullmatch(kind) is None:
        return None
    canonical = kind_of(kinds, kind).normalise(text, default_country)
    if not canonical or len(canonical) > LONGEST_VALUE:
        return None
    return Identifier(kind=kind, value=canonical)


def why_not(kinds: Kinds, kind: str, value: object, default_country: str) -> str | None:
    """A sentence for the sender on why this is no identifier; None: it is one."""
    if normalise(kinds, kind, value, default_country) is not None:
        return None
    text = _text(value)
    shown = repr(text if text is not None else value)[:80]
    if _NAME.fullmatch(kind) is None:
        return f"{kind[:80]!r} cannot be the name of an identifier kind."
    if text is None:
        return f"{shown} is no {kind}: it must be a text or a whole number, without control characters."
    if is_junk(text):
        return f"{shown} is no {kind}: it stands for no one."
    if len(text) > LONGEST_VALUE:
        return f"A {kind} may have {LONGEST_VALUE} characters; this one has {len(text):,}."
    return f"{shown} is not a valid {kind}."


def strongest_first(kinds: Kinds, identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
    """Without duplicates, by priority; those of one priority stay in the order in which they were given."""
    found = tuple(identifiers)
    match found:
        case (one, other):  # as most events have them
            if one == other:
                return (one,)
            ordered = kind_of(kinds, one.kind).priority <= kind_of(kinds, other.kind).priority
            return found if ordered else (other, one)
        case _:
            return tuple(sorted(dict.fromkeys(found), key=lambda one: kind_of(kinds, one.kind).priority))


def _text(value: object) -> str | None:
    match value:
        case bool():
            return None
        case int():
            return str(value)
        case str():
            text = value.strip()
            return text if text and _CONTROL.search(text) is None else None
        case _:
            return None
