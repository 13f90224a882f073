"""From a record to the calls of the tracking API that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cdp.importing.fields import IGNORED, Kind, field_of
from cdp.importing.reading import Record

Item = dict[str, Any]

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_LITERALS = {"true": True, "false": False}
_AS_WRITTEN = {
    "userId",
    "anonymousId",
    "email",
    "phone",
    "groupId",
    "event",
    "type",
    "timestamp",
    "messageId",
}


def to_items(record: Record, kind: Kind, mapped: Mapping[str, str], file_name: str) -> list[Item]:
    """The calls that a record of people or events stands for: one, or two where a person's row names an account.

    Message ids follow from the file's name and the record's number and text, so that importing the file again, after
    an interruption or by mistake, counts nothing twice.
    """
    item = to_fields(record, kind, mapped)
    message_id = item.pop("messageId", None) or row_id(record, file_name)
    if "userId" not in item and "anonymousId" not in item and (named := identifiers(item)):
        # The tracking API wants an id; whoever has an e-mail address alone gets one that follows from it.
        item["anonymousId"] = f"import-{_digest(*named[0])}"
    if kind is Kind.EVENTS:
        item.setdefault("type", "track")
        traits = item.pop("traits", None)
        if traits and item["type"] in {"identify", "group"}:
            item["traits"] = traits
        elif traits:
            item["context"] = {**item.get("context", {}), "traits": traits}
        return [{**item, "messageId": message_id}]
    group_id = item.pop("groupId", None)
    item.pop("event", None)
    person = {**item, "type": "identify", "messageId": message_id}
    if group_id is None:
        return [person]
    # The group call repeats what identifies the person, not what is known about them.
    traits = {key: value for key, value in item.get("traits", {}).items() if key in {"email", "phone"}}
    context = {**item.get("context", {}), "traits": traits}
    member = {key: value for key, value in item.items() if key != "traits"}
    member |= {"type": "group", "groupId": group_id, "context": context, "messageId": f"{message_id}:group"}
    return [person, member]


def to_fields(record: Record, kind: Kind, mapped: Mapping[str, str]) -> Item:
    """The record's values by field; `traits`, `properties` and `context` are objects, what is empty is left out."""
    item: Item = {}
    for column, value in (record.values or {}).items():
        field = field_of(column, mapped, kind)
        if field == IGNORED or value is None or (isinstance(value, str) and not value.strip()):
            continue
        prefix, dot, name = field.partition(".")
        if field in {"email", "phone"}:
            item.setdefault("traits", {})[field] = _text(value)
        elif field in _AS_WRITTEN:
            item[field] = _text(value)
        elif not dot:
            if isinstance(value, dict):
                item[field] = {**item.get(field, {}), **value}
        elif prefix == "externalIds":
            external = {"type": name, "id": _text(value), "collection": "users", "encoding": "none"}
            context = item.setdefault("context", {})
            context["externalIds"] = [*context.get("externalIds", []), external]
        else:
            item.setdefault(prefix, {})[name] = typed(value)
    return item


def typed(value: Any) -> Any:
    """A CSV field as the number or the truth value that it spells; what spells neither stays text.

    `007` and telephone numbers stay text: only what a number is written back as counts as one.
    """
    if not isinstance(value, str):
        return value
    if value.lower() in _LITERALS:
        return _LITERALS[value.lower()]
    if _NUMBER.fullmatch(value) and value != "-0":
        return float(value) if "." in value else int(value)
    return value


def row_id(record: Record, file_name: str) -> str:
    """The message id of a record: the same whenever this record of this file is imported.

    Ids of one file sort as its rows do: of two rows that say different things of one moment, the later one stands.
    """
    return f"import:{_digest(file_name)}:{record.number:010d}:{_digest(record.text)}"


def identifiers(item: Item) -> list[tuple[str, str]]:
    """(kind, value) of what identifies the person besides the ids that the tracking API asks for."""
    traits, context = item.get("traits", {}), item.get("context", {})
    named = [(kind, str(traits[kind])) for kind in ("email", "phone") if traits.get(kind)]
    return named + [(external["type"], str(external["id"])) for external in context.get("externalIds", ())]


def _digest(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _text(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
