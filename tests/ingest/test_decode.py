"""From bytes to raw items: whatever comes, there is an answer, and one bad item never spoils its neighbours."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from cdp.errors import BadInput, TooLarge
from cdp.ingest.decode import (
    batch_of,
    decode_batch,
    decode_single,
    encode_kept,
    has_nul,
    mended,
    too_deep,
    unpack,
)
from cdp.ingest.limits import BATCH_BYTES, BATCH_EVENTS, DEPTH


def test_gzip_is_recognised_by_its_bytes() -> None:
    assert unpack(gzip.compress(b'{"batch":[]}')) == b'{"batch":[]}'


def test_gzip_of_several_members_is_one_body() -> None:
    assert unpack(gzip.compress(b'{"batch"') + gzip.compress(b":[]}")) == b'{"batch":[]}'


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < BATCH_BYTES
    with pytest.raises(TooLarge, match="unpacks to more than 512,000 bytes"):
        unpack(bomb)


def test_a_bomb_in_many_members_is_refused_too() -> None:
    with pytest.raises(TooLarge, match="unpacks to more than"):
        unpack(gzip.compress(bytes(100_000)) * 6)


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"batch":[]}')[:-6],
        b"\x1f\x8bnot gzip at all",
        gzip.compress(b'{"batch":[]}') + b"trailing",
        b"\x1f\x8b",
    ],
    ids=["cut short", "not gzip", "with a tail", "magic only"],
)
def test_what_only_begins_like_gzip_is_an_error(body: bytes) -> None:
    with pytest.raises(BadInput, match="gzip"):
        unpack(body)


def test_zlib_without_gzip_is_not_unpacked() -> None:
    packed = zlib.compress(b"{}")
    assert unpack(packed) == packed


def test_a_body_may_have_exactly_the_largest_size() -> None:
    assert len(unpack(b" " * BATCH_BYTES)) == BATCH_BYTES
    with pytest.raises(TooLarge):
        unpack(b" " * (BATCH_BYTES + 1))


def test_a_byte_order_mark_is_ignored() -> None:
    assert decode_batch(unpack(b'\xef\xbb\xbf{"batch":[]}')).items == ()


def test_a_batch_is_cut_into_items_to_the_byte() -> None:
    batch = decode_batch(
        b'{"batch":[ {"a": 1} ,[],"x"],"sentAt":"now","writeKey":"k","context":{"ip":"::1"},"x":1}'
    )
    assert [bytes(item) for item in batch.items] == [b'{"a": 1}', b"[]", b'"x"']
    assert (batch.sent_at, batch.write_key, batch.context) == ("now", "k", {"ip": "::1"})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'{"batch":[]} x', "is not JSON"),
        (b'{"batch":[{"a":NaN}]}', "is not JSON"),
        (b'{"batch":[{"a":-Infinity}]}', "is not JSON"),
        (b'{"batch":[01]}', "is not JSON"),
        ('{"batch":[]}'.encode("utf-16"), "is not JSON"),
        (b"[]", "is not a batch of events"),
        (b"null", "is not a batch of events"),
        (b"{}", "is not a batch of events"),
        (b'{"batch":null}', "is not a batch of events"),
        (b'{"batch":{}}', "is not a batch of events"),
        (b'{"batch":[],"context":[]}', "is not a batch of events"),
        (b'{"batch":[],"context":{"a":"\\u0000"}}', "U\\+0000"),
        (b'{"batch":[],"context":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}", "nested too deeply"),
        (b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "nested too deeply"),
        (b"[" * 400_000, "is not a batch|nested too deeply|is not JSON"),
    ],
)
def test_what_is_no_batch_is_an_error_that_says_so(body: bytes, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        decode_batch(body)


def test_a_batch_has_a_largest_number_of_items() -> None:
    assert len(decode_batch(b'{"batch":[' + b"1," * (BATCH_EVENTS - 1) + b"1]}").items) == BATCH_EVENTS
    with pytest.raises(TooLarge, match="2,501 events"):
        decode_batch(b'{"batch":[' + b"1," * BATCH_EVENTS + b"1]}")


def test_a_single_event_is_a_batch_of_the_type_of_its_address() -> None:
    batch = decode_single(b'{"userId":"u","writeKey":"k"}', "track")
    assert (batch.type, batch.write_key, len(batch.items)) == ("track", "k", 1)


@pytest.mark.parametrize("body", [b"[]", b"", b"nonsense", b"5"])
def test_a_single_event_must_be_an_object(body: bytes) -> None:
    with pytest.raises(BadInput):
        decode_single(body, "track")


def test_half_an_emoji_is_mended_and_spoils_nothing() -> None:
    text = rb'{"batch":[{"a":"cut \ud83d"},{"b":"whole \ud83d\ude00, \\ud83d in plain"},{"c":"\uDE00"}]}'
    assert [json.loads(bytes(item)) for item in decode_batch(text).items] == [
        {"a": "cut \ufffd"},
        {"b": "whole 😀, \\ud83d in plain"},
        {"c": "\ufffd"},
    ]


@pytest.mark.parametrize("text", [rb'"\ud83d\ude00"', rb'"\\ud800"', b'"plain"'])
def test_what_is_whole_is_not_mended(text: bytes) -> None:
    assert mended(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [(rb'"\u0000"', True), (rb'"\\u0000"', False), (rb'"\\\u0000"', True), (b'"0"', False)],
)
def test_a_nul_character_is_found_and_an_escaped_backslash_is_none(text: bytes, expected: bool) -> None:
    assert has_nul(text) is expected


def test_depth_counts_nesting_and_not_brackets() -> None:
    assert not too_deep(b"[" * DEPTH + b"]" * DEPTH)
    assert too_deep(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1))
    assert not too_deep(b"[" + b",".join([b"[]"] * 100) + b"]")
    assert not too_deep(b'["' + rb"[[\"[[" * 50 + b'"]')


def test_what_is_kept_reads_as_the_same_item_again() -> None:
    batch = decode_batch(b'{"batch":[{"a":1}],"sentAt":"2026-01-01","context":{"ip":"::1"}}')
    again = decode_batch(encode_kept(bytes(batch.items[0]), batch))
    assert (list(map(bytes, again.items)), again.sent_at, again.context) == (
        [b'{"a":1}'],
        "2026-01-01",
        {"ip": "::1"},
    )
    single = decode_single(b'{"userId":"u"}', "page")
    assert decode_batch(encode_kept(bytes(single.items[0]), single)).type == "page"
    plain = batch_of([{"a": 1}])
    assert encode_kept(bytes(plain.items[0]), plain) == b'{"batch":[{"a":1}]}'
