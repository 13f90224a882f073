"""From the bytes of a request to raw items: gzip, JSON, limits.

A batch is only cut into its items here, each still JSON text; `validate` reads them one by one, so that a bad item
does not spoil its neighbours, and a refused one is kept to the byte. What is wrong with the body as a whole is an
error.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from cdp.errors import BadInput, TooLarge
from cdp.ingest.limits import BATCH_BYTES, BATCH_EVENTS, DEPTH, EVENT_BYTES, SPREAD_BYTES

_T = TypeVar("_T")

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_ESCAPE_OR_NUL = re.compile(rb"\\(?:u0000|.)", re.DOTALL)
_LONE_SURROGATE_LENGTH = len(rb"\ud800")


class Batch(Struct, frozen=True, kw_only=True):
    """The items of one request, not read yet, and what holds for all of them."""

    items: tuple[Raw, ...]
    context: dict[str, Any] = {}
    """Goes under each item's own context."""
    sent_at: Any = None
    """The client's clock when it sent the batch, as it wrote it; of items that have none of their own."""
    write_key: str | None = None
    type: str | None = None
    """The type of every item where the address says it, such as `/v1/track`."""
    context_bytes: int = 0
    """The context's length as JSON text."""
    believed: bool = False
    """Of what was kept to be replayed: that a web page did not send it."""

    @property
    def size_bytes(self) -> int:
        """About what its events come to, as JSON text, once each has the context."""
        return sum(len(memoryview(item)) for item in self.items) + self.context_bytes * len(self.items)


class _Envelope(Struct, rename="camel"):
    batch: list[Raw]
    context: Raw = Raw()
    sent_at: Any = None
    write_key: Any = None
    kept_type: Any = None
    kept_believed: Any = None


class _WriteKey(Struct, rename="camel"):
    write_key: Any = None


_envelopes = msgspec.json.Decoder(_Envelope)
_write_keys = msgspec.json.Decoder(_WriteKey)
_objects = msgspec.json.Decoder(dict[str, Any])


def unpack(body: bytes) -> bytes:
    """The body as it was before gzip, which is recognised by its first two bytes, whatever the headers say.

    Raises:
        TooLarge: more than `BATCH_BYTES`; no more than that is ever unpacked.
        BadInput: it begins like gzip and is not.
    """
    if body[:2] == _GZIP:
        body = _inflate(body)
    if len(body) > BATCH_BYTES:
        raise TooLarge(f"The body is larger than {BATCH_BYTES:,} bytes; send smaller batches.")
    return body.removeprefix(_BYTE_ORDER_MARK)


def decode_batch(text: bytes) -> Batch:
    """Cut a batch, `{"batch": [event, …], "context": …, "sentAt": …, "writeKey": …}`, into its items.

    Raises:
        BadInput: it is not JSON, or not of this shape; the message says what and where.
        TooLarge: more than `BATCH_EVENTS` items, or a context that would make too much of them.
    """
    envelope = _read(_envelopes, text)
    if len(envelope.batch) > BATCH_EVENTS:
        raise TooLarge(
            f"The batch has {len(envelope.batch):,} events, more than {BATCH_EVENTS:,}; send smaller batches."
        )
    context = bytes(envelope.context)
    if len(context) > min(EVENT_BYTES, SPREAD_BYTES // max(1, len(envelope.batch))):
        raise TooLarge(
            f"The batch's context is {len(context):,} bytes, and goes into each of {len(envelope.batch):,} events; "
            "send smaller batches, or less context.",
            field=("context",),
        )
    return Batch(
        items=tuple(envelope.batch),
        context=_read_context(context),
        context_bytes=len(context),
        sent_at=envelope.sent_at,
        write_key=_text_or_none(envelope.write_key),
        type=_text_or_none(envelope.kept_type),
        believed=envelope.kept_believed is True,
    )


def decode_single(text: bytes, event_type: str) -> Batch:
    """A batch of the one event that is the whole body, of the type that its address names.

    Raises:
        BadInput: it is not a JSON object.
    """
    head = _read(_write_keys, text)
    return Batch(items=(Raw(text),), write_key=_text_or_none(head.write_key), type=event_type)


def batch_of(items: Iterable[dict[str, Any]], *, context: dict[str, Any] | None = None) -> Batch:
    """A batch of values that did not arrive as JSON, such as rows of a file or arguments of a mutation."""
    return Batch(items=tuple(Raw(msgspec.json.encode(item)) for item in items), context=context or {})


def encode_kept(item: bytes, batch: Batch, *, believed: bool = False) -> bytes:
    """A batch of this one item of `batch` as it arrived, with all that held for it: what is kept, to be replayed.

    `believed`: that it did not come from a web page, which can say anything about anybody.
    """
    head = {
        "context": batch.context,
        "sentAt": batch.sent_at,
        "keptType": batch.type,
        "keptBelieved": believed,
    }
    rest = msgspec.json.encode({key: value for key, value in head.items() if value})
    return b'{"batch":[' + item + b"]" + (b"," if len(rest) > 2 else b"") + rest[1:]


def mended(text: bytes) -> bytes | None:
    """The JSON text with U+FFFD for every lone surrogate (half an emoji, cut by a client); None: it has none.

    JSON can spell lone surrogates, but neither UTF-8 nor PostgreSQL can hold them.
    """
    if rb"\ud" not in text and rb"\uD" not in text:
        return None
    result = _ESCAPE.sub(
        lambda found: rb"\ufffd" if len(found[0]) == _LONE_SURROGATE_LENGTH else found[0],
        text,
    )
    return None if result == text else result


def has_nul(text: bytes) -> bool:
    """Whether a string of this JSON text holds the character U+0000, which PostgreSQL cannot store."""
    return rb"\u0000" in text and rb"\u0000" in _ESCAPE_OR_NUL.findall(text)


def too_deep(text: bytes) -> bool:
    """Whether arrays and objects are nested deeper than `DEPTH`."""
    # Fewer brackets than that cannot nest deeper: nearly every event ends here.
    if text.count(b"{") + text.count(b"[") <= DEPTH:
        return False
    depth = 0
    for token in _BRACKETS.findall(text):
        if token in b"{[":
            depth += 1
            if depth > DEPTH:
                return True
        elif token in b"}]":
            depth -= 1
    return False


def _inflate(body: bytes) -> bytes:
    """Unpack gzip, of several members too, up to just over the limit."""
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(body, BATCH_BYTES + 1 - size)
        except zlib.error as error:
            raise BadInput(f"The body begins like gzip and cannot be unpacked: {error}.") from None
        parts.append(part)
        size += len(part)
        if size > BATCH_BYTES:
            raise TooLarge(f"The body unpacks to more than {BATCH_BYTES:,} bytes; send smaller batches.")
        if not member.eof:
            raise BadInput("The body is gzip that ends too early.")
        body = member.unused_data
    return b"".join(parts)


def _read(decoder: msgspec.json.Decoder[_T], text: bytes) -> _T:
    try:
        try:
            return decoder.decode(text)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            better = mended(text)
            if better is None:
                raise
            return decoder.decode(better)
    except msgspec.ValidationError as error:
        raise BadInput(f"The body is not a batch of events: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The body is not JSON in UTF-8: {error}.") from None
    except RecursionError:
        raise BadInput(f"The body is nested too deeply; at most {DEPTH} levels an event.") from None


def _read_context(text: bytes) -> dict[str, Any]:
    if text in {b"", b"null"}:
        return {}
    if has_nul(text):
        raise BadInput("The batch's context holds the character U+0000.", field=("context",))
    if too_deep(text):
        raise BadInput(
            f"The batch's context is nested too deeply; at most {DEPTH} levels.", field=("context",)
        )
    return _read(_objects, text)


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
