"""Which column says what: recognised by its name, or told by `--map COLUMN=FIELD`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from cdp.errors import BadInput
from cdp.model import EventType


class Kind(StrEnum):
    """What the rows of a file are."""

    PEOPLE = "people"
    ACCOUNTS = "accounts"
    EVENTS = "events"


IGNORED = "-"
"""The field of a column that is left out."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "userId": ("userid", "user", "personid", "contactid", "customerid"),
    "anonymousId": ("anonymousid", "visitorid"),
    "email": ("email", "emailaddress", "mail"),
    "phone": ("phone", "phonenumber", "telephone", "mobile", "mobilephone"),
    "groupId": ("groupid", "accountid", "companyid", "organisationid", "organizationid", "householdid"),
    "event": ("event", "eventname"),
    "type": ("type",),
    "timestamp": ("timestamp", "originaltimestamp", "time", "occurredat", "datetime", "date"),
    "messageId": ("messageid",),
    "properties": ("properties",),
    "traits": ("traits",),
    "context": ("context",),
}
"""Field → how columns that mean it are spelled, in lower case and without separators."""

_BY_SPELLING = {spelling: field for field, spellings in FIELDS.items() for spelling in spellings}
_PREFIXES = ("traits.", "properties.", "externalIds.")
_CALLS = {event_type.value for event_type in EventType}


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """`COLUMN=FIELD` pairs as a dict.

    Raises:
        BadInput: one is not such a pair, or there is no such field.
    """
    found = {}
    for pair in pairs:
        column, equals, field = pair.partition("=")
        if not equals or not column or not field:
            raise BadInput(f"--map {pair}: write COLUMN=FIELD, such as --map mail=email.")
        if field not in FIELDS and field != IGNORED and not field.startswith(_PREFIXES):
            raise BadInput(
                f"--map {pair}: there is no field {field}; there are {', '.join(FIELDS)}, "
                f"traits.NAME, properties.NAME, externalIds.KIND and {IGNORED} to leave the column out."
            )
        found[column] = field
    return found


def detect(path: Path, columns: Iterable[str], mapped: Mapping[str, str], types: Iterable[str] = ()) -> Kind:
    """What the rows are, by their columns.

    Args:
        path: of the file, for the message.
        columns: of the first record.
        mapped: `--map`.
        types: values of its column `type`.

    Raises:
        BadInput: nothing tells.
    """
    columns = list(columns)
    fields = {field_of(column, mapped, Kind.EVENTS) for column in columns}
    if "event" in fields or ("type" in fields and any(text in _CALLS for text in types)):
        return Kind.EVENTS
    if fields & {"userId", "anonymousId", "email", "phone"} or any(
        field.startswith("externalIds.") for field in fields
    ):
        return Kind.PEOPLE
    if "groupId" in fields or any(_spelling(column) in {"domain", "website"} for column in columns):
        return Kind.ACCOUNTS
    raise BadInput(
        f"Nothing tells whether the rows of {path} are people, accounts or events (columns: {', '.join(columns)}): "
        "give --kind, and --map COLUMN=FIELD for the column that identifies them."
    )


def field_of(column: str, mapped: Mapping[str, str], kind: Kind) -> str:
    """The field that a column says; one that nobody knows is a trait, or a property of an event."""
    if column in mapped:
        return mapped[column]
    spelling = _spelling(column)
    if spelling == "id":
        return {Kind.PEOPLE: "userId", Kind.ACCOUNTS: "groupId", Kind.EVENTS: "messageId"}[kind]
    field = _BY_SPELLING.get(spelling)
    if field is not None and not (field == "type" and kind is not Kind.EVENTS):
        return field
    if column.startswith(_PREFIXES):
        return column
    return f"{'properties' if kind is Kind.EVENTS else 'traits'}.{column}"


def _spelling(column: str) -> str:
    return "".join(letter for letter in column.casefold() if letter.isalnum())
