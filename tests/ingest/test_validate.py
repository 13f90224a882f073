"""From raw items to events: what is refused, what is left out with a remark, what an event says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp.identity.kinds import make_kinds
from cdp.ingest.decode import Batch, batch_of, decode_batch
from cdp.ingest.limits import EVENT_BYTES
from cdp.ingest.results import Checked, Refusal
from cdp.ingest.validate import Validator
from cdp.model import AccountRef, Event, EventType, Identifier

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TRACK = {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1"}


def check(item: Any, batch: Batch | None = None, **more: Any) -> Checked | Refusal:
    text = item if isinstance(item, bytes) else json.dumps(item).encode()
    validator = Validator(make_kinds(), "GB")
    return validator.check(text, batch or batch_of([]), received_at=NOON, source="tracking", **more)


def event_of(item: Any, batch: Batch | None = None) -> Event:
    checked = check(item, batch)
    assert isinstance(checked, Checked), checked
    return checked.event


def refusal_of(item: Any) -> tuple[str, tuple[str, ...]]:
    refusal = check(item)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.body == (item if isinstance(item, bytes) else json.dumps(item).encode())
    assert refusal.message.endswith(".")
    return refusal.code, refusal.field


def remarks_of(item: Any) -> list[tuple[str, tuple[str, ...]]]:
    checked = check(item)
    assert isinstance(checked, Checked), checked
    return [(remark.code, remark.field) for remark in checked.remarks]


def identifiers_of(item: Any) -> dict[str, str]:
    return {identifier.kind: identifier.value for identifier in event_of(item).identifiers}


def test_a_track_call_becomes_an_event() -> None:
    assert event_of(
        TRACK | {"properties": {"total": 12.5}, "context": {"ip": "::1"}, "timestamp": "2026-03-04T11:00:00Z"}
    ) == Event(
        message_id="m1",
        type=EventType.TRACK,
        name="Order Completed",
        occurred_at=NOON - timedelta(hours=1),
        received_at=NOON,
        identifiers=(Identifier("user_id", "u1"),),
        properties={"total": 12.5},
        context={"ip": "::1"},
        source="tracking",
    )


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"type": None}, "INVALID_TYPE", ("type",)),
        ({"type": "purchase"}, "INVALID_TYPE", ("type",)),
        ({"type": ["track"]}, "INVALID_TYPE", ("type",)),
        ({"userId": None}, "MISSING_ID", ("userId",)),
        ({"userId": ""}, "MISSING_ID", ("userId",)),
        (
            {"userId": "null", "anonymousId": "00000000-0000-0000-0000-000000000000"},
            "MISSING_ID",
            ("userId",),
        ),
        ({"userId": {"id": 1}}, "MISSING_ID", ("userId",)),
        ({"userId": "u" * 600}, "MISSING_ID", ("userId",)),
        ({"event": None}, "MISSING_EVENT", ("event",)),
        ({"event": "  "}, "MISSING_EVENT", ("event",)),
        ({"event": 5}, "INVALID_FIELD", ("event",)),
        ({"event": "x" * 201}, "INVALID_FIELD", ("event",)),
        ({"properties": "text"}, "INVALID_FIELD", ("properties",)),
        ({"properties": [1]}, "INVALID_FIELD", ("properties",)),
        ({"context": 7}, "INVALID_FIELD", ("context",)),
        ({"messageId": "x" * 256}, "INVALID_FIELD", ("messageId",)),
        ({"messageId": {}}, "INVALID_FIELD", ("messageId",)),
        ({"timestamp": "yesterday"}, "INVALID_TIME", ("timestamp",)),
        ({"timestamp": "0000-01-01T00:00:00Z"}, "INVALID_TIME", ("timestamp",)),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "INVALID_TIME", ("timestamp",)),
        ({"originalTimestamp": "1066-10-14"}, "INVALID_TIME", ("originalTimestamp",)),
        ({"properties": {"text": "a\0b"}}, "NUL_CHARACTER", ()),
        ({"a\0b": 1}, "NUL_CHARACTER", ()),
        ({"userId": "u\0"}, "NUL_CHARACTER", ()),
        ({"properties": {"text": "x" * EVENT_BYTES}}, "TOO_LARGE", ()),
        ({"type": "group"}, "MISSING_GROUP", ("groupId",)),
        ({"type": "group", "groupId": "undefined"}, "MISSING_GROUP", ("groupId",)),
        ({"type": "group", "groupId": "g" * 256}, "MISSING_GROUP", ("groupId",)),
        ({"type": "alias"}, "MISSING_ID", ("previousId",)),
        ({"type": "identify", "traits": {"k" * 256: 1}}, "INVALID_FIELD", ("traits",)),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(
    changes: dict[str, Any], code: str, field: tuple[str, ...]
) -> None:
    assert refusal_of(TRACK | changes) == (code, field)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"null", "INVALID_FIELD"),
        (b"5", "INVALID_FIELD"),
        (b"[]", "INVALID_FIELD"),
        (b'"text"', "INVALID_FIELD"),
        (b'{"type":"track","userId":"\xff"}', "INVALID_JSON"),
        (b'{"type":"track","userId":"u","properties":{"n":1e400}}', "INVALID_FIELD"),
        (b'{"type":"track","userId":"u","properties":{"n":1' + b"0" * 5000 + b"}}", "INVALID_FIELD"),
        (b'{"type":"track","userId":"u","properties":' + b"[" * 65 + b"]" * 65 + b"}", "TOO_DEEP"),
        (b'{"type":"track","userId":"u","properties":' + b"[" * 15_000 + b"]" * 15_000 + b"}", "TOO_DEEP"),
    ],
)
def test_an_item_that_is_no_object_or_no_text_is_refused(text: bytes, code: str) -> None:
    assert refusal_of(text)[0] == code


def test_keys_that_nobody_knows_are_ignored() -> None:
    assert event_of(TRACK | {"_metadata": {"a": 1}, "channel": "server", "writeKey": "k"}) == event_of(TRACK)


def test_one_key_twice_counts_as_the_last() -> None:
    assert event_of(b'{"type":"track","event":"A","event":"B","userId":"u","messageId":"m"}').name == "B"


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [(17, "17"), (17.0, "17"), (12345678901234567890, "12345678901234567890"), (" u ", "u")],
)
def test_ids_may_be_numbers(user_id: Any, expected: str) -> None:
    assert identifiers_of(TRACK | {"userId": user_id}) == {"user_id": expected}


def test_a_null_or_junk_id_is_an_absent_id() -> None:
    assert identifiers_of(TRACK | {"userId": None, "anonymousId": "a1"}) == {"anonymous_id": "a1"}
    assert identifiers_of(TRACK | {"userId": "[object Object]", "anonymousId": "a1"}) == {
        "anonymous_id": "a1"
    }


def test_identifiers_come_strongest_first_without_duplicates() -> None:
    item = TRACK | {
        "anonymousId": "a1",
        "context": {
            "traits": {"email": "Ann@Example.com", "phone": "020 7946 0958"},
            "device": {"id": "d1"},
            "externalIds": [{"id": "u1", "type": "user_id", "collection": "users", "encoding": "none"}],
        },
    }
    assert event_of(item).identifiers == (
        Identifier("user_id", "u1"),
        Identifier("email", "ann@example.com"),
        Identifier("phone", "+442079460958"),
        Identifier("device_id", "d1"),
        Identifier("anonymous_id", "a1"),
    )


@pytest.mark.parametrize("place", ["root", "context"])
def test_traits_sit_at_the_root_or_in_the_context(place: str) -> None:
    traits = {"email": "ann@example.com", "name": "Ann"}
    item = {"type": "identify", "userId": "u1"} | (
        {"traits": traits} if place == "root" else {"context": {"traits": traits}}
    )
    event = event_of(item)
    assert event.properties == traits
    assert event.identifiers == (Identifier("user_id", "u1"), Identifier("email", "ann@example.com"))


def test_traits_at_the_root_win() -> None:
    item = {"type": "identify", "userId": "u", "traits": {"a": 1}, "context": {"traits": {"a": 2, "b": 3}}}
    assert event_of(item).properties == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("traits", "path"),
    [
        ({"email": "ann@@example"}, "email"),
        ({"email": 5}, "email"),
        ({"phone": "12"}, "phone"),
        ({"phone": "not a number"}, "phone"),
        ({"phone": ["+44 20 7946 0958"]}, "phone"),
    ],
)
def test_an_invalid_email_or_phone_is_left_out_and_the_event_is_not_lost(
    traits: dict[str, Any], path: str
) -> None:
    item = {"type": "identify", "userId": "u1", "traits": traits}
    assert event_of(item).identifiers == (Identifier("user_id", "u1"),)
    assert remarks_of(item) == [("INVALID_IDENTIFIER", ("traits", path))]


def test_external_ids_of_other_collections_and_shapes_are_not_people() -> None:
    context = {
        "externalIds": [
            {"id": "x", "type": "shop_id", "collection": "accounts"},
            "x",
            {"id": "y"},
            {"type": 5},
        ]
    }
    assert identifiers_of(TRACK | {"context": context}) == {"user_id": "u1"}
    assert identifiers_of(TRACK | {"context": {"externalIds": {"id": 1}}}) == {"user_id": "u1"}
    assert identifiers_of(TRACK | {"context": {"externalIds": [{"id": "c7", "type": "crm_id"}]}}) == {
        "user_id": "u1",
        "crm_id": "c7",
    }
    assert remarks_of(TRACK | {"context": {"externalIds": [{"id": "y"}]}}) == [
        ("INVALID_IDENTIFIER", ("context", "externalIds", "0", "id"))
    ]


def test_a_group_call_makes_a_member_and_its_traits_are_the_accounts() -> None:
    event = event_of(
        {
            "type": "group",
            "userId": "u1",
            "groupId": 9,
            "traits": {"email": "office@initech.example", "plan": "pro"},
        }
    )
    assert event.account == AccountRef(group_id="9", member=True)
    assert event.identifiers == (Identifier("user_id", "u1"),)
    assert (event.name, event.properties["plan"]) == ("Grouped", "pro")


def test_a_group_in_the_context_scopes_the_event() -> None:
    assert event_of(TRACK | {"context": {"groupId": "acct-9"}}).account == AccountRef(
        group_id="acct-9", member=False
    )
    assert event_of(TRACK | {"groupId": "acct-9"}).account == AccountRef(group_id="acct-9", member=False)
    assert event_of(TRACK | {"context": {"groupId": None}}).account is None
    assert remarks_of(TRACK | {"context": {"groupId": {"a": 1}}}) == [
        ("INVALID_GROUP", ("context", "groupId"))
    ]


@pytest.mark.parametrize(("event_type", "name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_page_and_screen_keep_their_name_and_category_as_properties(event_type: str, name: str) -> None:
    event = event_of(
        {
            "type": event_type,
            "anonymousId": "a",
            "name": "Pricing",
            "category": "Docs",
            "properties": {"name": "Own"},
        }
    )
    assert (event.name, event.properties) == (name, {"name": "Own", "category": "Docs"})


def test_an_alias_names_both_ids() -> None:
    event = event_of({"type": "alias", "userId": "u1", "previousId": "anon-1"})
    assert event.identifiers == (Identifier("user_id", "u1"), Identifier("anonymous_id", "anon-1"))
    assert (event.name, event.properties) == ("Aliased", {"previousId": "anon-1"})


def test_an_empty_array_is_what_php_makes_of_an_empty_object() -> None:
    assert event_of(TRACK | {"properties": [], "context": [], "traits": []}) == event_of(TRACK)


def test_the_context_of_the_batch_lies_under_that_of_the_item() -> None:
    batch = batch_of([], context={"ip": "1.1.1.1", "locale": "de", "groupId": "g1"})
    event = event_of(TRACK | {"context": {"ip": "2.2.2.2"}}, batch)
    assert event.context == {"ip": "2.2.2.2", "locale": "de", "groupId": "g1"}
    assert event.account == AccountRef(group_id="g1", member=False)


def test_the_sending_time_of_the_batch_corrects_items_that_have_none() -> None:
    batch = decode_batch(b'{"batch":[],"sentAt":"2030-01-01T00:10:00Z"}')
    assert event_of(TRACK | {"timestamp": "2030-01-01T00:00:00Z"}, batch).occurred_at == NOON - timedelta(
        minutes=10
    )
    own = TRACK | {"timestamp": "2030-01-01T00:00:00Z", "sentAt": "2030-01-01T00:01:00Z"}
    assert event_of(own, batch).occurred_at == NOON - timedelta(minutes=1)


def test_the_original_timestamp_is_the_one_that_counts() -> None:
    item = TRACK | {"originalTimestamp": "2026-03-04T10:00:00", "timestamp": "2026-03-04T11:00:00"}
    assert event_of(item).occurred_at == NOON - timedelta(hours=2)


def test_a_sending_time_that_is_none_is_ignored_with_a_remark() -> None:
    item = TRACK | {"timestamp": "2026-03-04T10:00:00Z", "sentAt": "soon"}
    assert event_of(item).occurred_at == NOON - timedelta(hours=2)
    assert remarks_of(item) == [("INVALID_TIME", ("sentAt",))]


def test_a_message_id_is_made_where_there_is_none() -> None:
    item = {key: value for key, value in TRACK.items() if key != "messageId"}
    first, second = event_of(item).message_id, event_of(item | {"messageId": ""}).message_id
    assert first != second
    checked = check(item, made_id="refused-7-0")
    assert isinstance(checked, Checked)
    assert checked.event.message_id == "refused-7-0"


def test_half_an_emoji_in_an_item_is_mended() -> None:
    event = event_of(rb'{"type":"track","event":"Cut \ud83d","userId":"u","messageId":"m"}')
    assert event.name == "Cut \ufffd"


def test_the_address_decides_the_type() -> None:
    assert event_of({"userId": "u", "type": "identify"}, Batch(items=(), type="page")).type is EventType.PAGE
