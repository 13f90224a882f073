"""From a raw item to an event, or to the reason why it is none.

What cannot be understood refuses the item: it is kept with the reason and can be replayed. What can be left out without
losing the event is left out and remarked on: an e-mail address with a typing error, an unknown kind of external id, a
`sentAt` that is no time. Keys that we do not know are ignored.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cdp.identity.kinds import Kinds
from cdp.ingest import naming
from cdp.ingest.decode import Batch, has_nul, mended, too_deep
from cdp.ingest.limits import (
    DEPTH,
    EVENT_BYTES,
    GROUP_ID_LENGTH,
    MESSAGE_ID_LENGTH,
    NAME_LENGTH,
    TRAIT_KEY_LENGTH,
)
from cdp.ingest.proving import TOKEN
from cdp.ingest.results import Checked, Refusal, Remark
from cdp.ingest.times import occurred_at, parse_time
from cdp.model import AccountRef, Event, EventType

_NAMES = {
    EventType.IDENTIFY: "Identified",
    EventType.PAGE: "Page Viewed",
    EventType.SCREEN: "Screen Viewed",
    EventType.GROUP: "Grouped",
    EventType.ALIAS: "Aliased",
}
_TYPES: dict[Any, EventType] = {event_type.value: event_type for event_type in EventType}
_PATH = re.compile(r" - at `\$\.?(.*)`$")

_Object = dict[str, Any] | list[Any] | None


class _Item(Struct, rename="camel"):
    """An item as the tracking API knows it; ids and times may be written in several ways and are read later."""

    type: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    event: str | None = None
    name: Any = None
    category: Any = None
    properties: _Object = None
    traits: _Object = None
    context: _Object = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None


class _Refused(Exception):
    """Leaves the checks of one item; becomes its Refusal."""

    def __init__(self, code: str, message: str, *field: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


_items = msgspec.json.Decoder(_Item)


class Validator:
    """Reads the items of one workspace: its identifier kinds, its default country for phone numbers."""

    def __init__(self, kinds: Kinds, default_country: str) -> None:
        self._names = naming.Names(kinds, default_country)

    def check(
        self,
        text: bytes | msgspec.Raw,
        batch: Batch,
        *,
        received_at: datetime,
        source: str,
        made_id: str | None = None,
        page: bool = False,
    ) -> Checked | Refusal:
        """The event that an item's JSON text says, within its batch; or why it says none.

        `made_id` is the message id of an item that has none; None makes a random one. `page`: nothing of it is proven.
        """
        text = bytes(text)
        try:
            proven = () if page else None
            return self._event(_read(text), batch, received_at, source, made_id, proven=proven)
        except _Refused as refused:
            return Refusal(code=refused.code, message=refused.message, field=refused.field, body=text)

    def _event(
        self,
        item: _Item,
        batch: Batch,
        received_at: datetime,
        source: str,
        made_id: str | None,
        *,
        proven: tuple[()] | None,
    ) -> Checked:
        remarks: list[Remark] = []
        event_type = _type_of(batch.type or item.type)
        context = _object(item.context, "context")
        if batch.context:
            context = {**batch.context, **context}
        traits = _object(item.traits, "traits")
        token = context.pop(TOKEN) if TOKEN in context else None
        context_traits = _mapping(context.get("traits"))
        properties = _properties(event_type, item, traits, context_traits)
        seen = naming.Seen(
            user_id=item.user_id,
            anonymous_id=item.anonymous_id,
            previous_id=item.previous_id if event_type is EventType.ALIAS else None,
            # The traits of a group call are the account's, not the person's.
            traits=traits if event_type is not EventType.GROUP else {},
            context=context,
            context_traits=context_traits,
        )
        identifiers, named = self._names.identifiers(seen, remarks)
        if not named.person:
            raise _Refused("MISSING_ID", "Neither userId nor anonymousId names a person.", "userId")
        if event_type is EventType.ALIAS and not named.previous:
            raise _Refused("MISSING_ID", "An alias call needs a previousId.", "previousId")
        return Checked(
            event=Event(
                message_id=_message_id(item.message_id, made_id),
                type=event_type,
                name=_name(event_type, item),
                occurred_at=_occurred(item, batch, received_at, remarks),
                received_at=received_at,
                identifiers=identifiers,
                account=_account(event_type, item, context, remarks),
                properties=properties,
                context=context,
                source=source,
                proven=proven,
            ),
            remarks=tuple(remarks),
            token=token if isinstance(token, str) else None,
        )


def _read(text: bytes) -> _Item:
    if len(text) > EVENT_BYTES:
        raise _Refused("TOO_LARGE", f"The event is {len(text):,} bytes, more than {EVENT_BYTES:,}.")
    if has_nul(text):
        raise _Refused(
            "NUL_CHARACTER", "A text in the event holds the character U+0000, which cannot be stored."
        )
    if too_deep(text):
        raise _Refused("TOO_DEEP", f"The event is nested deeper than {DEPTH} levels.")
    try:
        try:
            return _items.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            better = mended(text)
            if better is None:
                raise
            return _items.decode(better)
    except msgspec.ValidationError as error:
        message, field = _located(error)
        raise _Refused("INVALID_FIELD", f"{message}.", *field) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refused("INVALID_JSON", f"The event is not JSON in UTF-8: {error}.") from None


def _located(error: msgspec.ValidationError) -> tuple[str, tuple[str, ...]]:
    """Msgspec's sentence, and the path at its end, taken apart."""
    text = str(error)
    found = _PATH.search(text)
    if found is None:
        return text, ()
    return text[: found.start()], tuple(
        part for part in re.split(r"[.\[\]]+", found[1]) if part and part != "..."
    )


def _type_of(value: Any) -> EventType:
    found = _TYPES.get(value) if isinstance(value, str) else None
    if found is None:
        raise _Refused("INVALID_TYPE", f"The type must be one of {', '.join(EventType)}.", "type")
    return found


def _object(value: _Object, field: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    # PHP writes an empty object as [].
    if not value:
        return {}
    raise _Refused("INVALID_FIELD", "Expected `object`, got `array`.", field)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _properties(
    event_type: EventType, item: _Item, traits: dict[str, Any], context_traits: Mapping[str, Any]
) -> dict[str, Any]:
    """Properties of track, page and screen; traits of identify and group; the id that an alias replaces."""
    properties: dict[str, Any]
    match event_type:
        case EventType.TRACK:
            return _object(item.properties, "properties")
        case EventType.PAGE | EventType.SCREEN:
            properties = _object(item.properties, "properties")
            for key, value in (("name", item.name), ("category", item.category)):
                if value is not None:
                    properties.setdefault(key, value)
            return properties
        case EventType.IDENTIFY:
            properties = {**context_traits, **traits} if context_traits else traits
        case EventType.GROUP:
            properties = traits
        case EventType.ALIAS:
            return {"previousId": item.previous_id}
    if properties and len(max(properties, key=len)) > TRAIT_KEY_LENGTH:
        raise _Refused(
            "INVALID_FIELD", f"The name of a trait is longer than {TRAIT_KEY_LENGTH} characters.", "traits"
        )
    return properties


def _message_id(value: Any, made_id: str | None) -> str:
    text = naming.as_text(value)
    if not text:
        if value is None or value == "":
            return made_id or f"made-{uuid.uuid4()}"
        raise _Refused("INVALID_FIELD", "A messageId is a text.", "messageId")
    if len(text) > MESSAGE_ID_LENGTH:
        raise _Refused(
            "INVALID_FIELD", f"The messageId is longer than {MESSAGE_ID_LENGTH} characters.", "messageId"
        )
    return text


def _name(event_type: EventType, item: _Item) -> str:
    if event_type is not EventType.TRACK:
        return _NAMES[event_type]
    name = item.event.strip() if item.event else ""
    if not name:
        raise _Refused("MISSING_EVENT", "A track call needs the name of its event.", "event")
    if len(name) > NAME_LENGTH:
        raise _Refused("INVALID_FIELD", f"The event's name is longer than {NAME_LENGTH} characters.", "event")
    return name


def _occurred(item: _Item, batch: Batch, received_at: datetime, remarks: list[Remark]) -> datetime:
    field = "timestamp" if item.original_timestamp is None else "originalTimestamp"
    try:
        original = parse_time(item.timestamp if item.original_timestamp is None else item.original_timestamp)
        if original is None:
            return received_at
        sent_at = None
        try:
            sent_at = parse_time(batch.sent_at if item.sent_at is None else item.sent_at)
        except ValueError:
            remarks.append(
                Remark(code="INVALID_TIME", message="sentAt is not a time; it is ignored.", field=("sentAt",))
            )
        return occurred_at(original, sent_at, received_at)
    except ValueError as error:
        raise _Refused("INVALID_TIME", f"The {field} cannot be used: {error}.", field) from None


def _account(
    event_type: EventType, item: _Item, context: Mapping[str, Any], remarks: list[Remark]
) -> AccountRef | None:
    if event_type is EventType.GROUP:
        group_id = naming.group_id(item.group_id)
        if group_id is None:
            raise _Refused(
                "MISSING_GROUP",
                f"A group call needs a groupId of 1 to {GROUP_ID_LENGTH} characters.",
                "groupId",
            )
        return AccountRef(group_id=group_id, member=True)
    value = context.get("groupId") if item.group_id is None else item.group_id
    if value is None:
        return None
    group_id = naming.group_id(value)
    if group_id is None:
        remarks.append(
            Remark(
                code="INVALID_GROUP",
                message="The groupId is not one; it is ignored.",
                field=("context", "groupId"),
            )
        )
        return None
    return AccountRef(group_id=group_id, member=False)
