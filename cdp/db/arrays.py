"""Arrays in PostgreSQL's binary format, written in one go.

asyncpg asks every element of an array for its class, in case it is an array too: a third of what this process spends on
an event. Ours have one dimension, and elements that are known: whole numbers, texts, moments, truth values, and
digests of sixteen bytes, which PostgreSQL calls UUIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct, pack
from typing import Any

import asyncpg

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_INFINITY = 2**63 - 1

_head = Struct(">iIIii")
_sized = Struct(">iq")
_length = Struct(">i")
_NULL = _length.pack(-1)
_SIXTEEN = _length.pack(16)
_TRUTH = {True: b"\0\0\0\1\1", False: b"\0\0\0\1\0", None: _NULL}


def set_array_codecs(connection: asyncpg.Connection) -> None:
    """Have this connection write and read arrays of the common types so."""
    # set_type_codec would refuse them for what they are, though the layer below takes any type.
    settings = connection._protocol.get_settings()  # noqa: SLF001
    for oid, name, element, write, read in (
        (1016, "_int8", 20, _write_numbers, _read_number),
        (1009, "_text", 25, _write_texts, _read_text),
        (1185, "_timestamptz", 1184, _write_moments, _read_moment),
        (1000, "_bool", 16, _write_truths, _read_truth),
        (2951, "_uuid", 2950, _write_digests, bytes),
    ):
        settings.add_python_codec(
            oid, name, "pg_catalog", [], "scalar", _encoder(element, write), _decoder(read), "binary"
        )


def _encoder(element: int, write: Callable[[Sequence[Any]], bytes]) -> Callable[[Iterable[Any]], bytes]:
    def encode(values: Iterable[Any]) -> bytes:
        if type(values) is list or type(values) is tuple:
            known: Sequence[Any] = values
        elif isinstance(values, str | bytes):
            raise TypeError(f"an array is wanted, and {type(values).__name__} given")
        else:
            known = list(values)
        # Dimensions, whether there may be nulls, the element's type; length and lower bound of the only dimension.
        if not known:
            return _head.pack(0, 0, element, 0, 0)[:12]
        return _head.pack(1, 1, element, len(known), 1) + write(known)

    return encode


def _write_numbers(values: Sequence[int | None]) -> bytes:
    if None in values:
        if values.count(None) == len(values):
            return _NULL * len(values)
        return b"".join([_NULL if one is None else _sized.pack(8, one) for one in values])
    sized = [8] * (2 * len(values))
    sized[1::2] = values  # type: ignore[assignment] # as said
    return pack(">" + "iq" * len(values), *sized)


def _write_texts(values: Sequence[str | None] | Sequence[bytes]) -> bytes:
    """Texts, or all of them as UTF-8 already."""
    if None in values:
        return b"".join(
            [_NULL if one is None else _length.pack(len(text := one.encode())) + text for one in values]  # type: ignore[union-attr]
        )
    texts: Sequence[bytes] = (
        values if type(values[0]) is bytes else [*map(str.encode, values)]  # type: ignore[arg-type,assignment] # as said
    )
    sized: list[bytes] = [b""] * (2 * len(texts))
    sized[::2] = map(_length.pack, map(len, texts))
    sized[1::2] = texts
    return b"".join(sized)


def _write_moments(values: Sequence[datetime | None]) -> bytes:
    return _write_numbers([None if one is None else _microseconds(one) for one in values])


def _write_truths(values: Sequence[bool | None]) -> bytes:
    return b"".join([_TRUTH[one] for one in values])


def _write_digests(values: Sequence[bytes]) -> bytes:
    return _SIXTEEN + _SIXTEEN.join(values)


def _microseconds(moment: datetime) -> int:
    since = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _decoder(read: Callable[[bytes], Any]) -> Callable[[bytes], list[Any]]:
    def decode(data: bytes) -> list[Any]:
        (dimensions,) = _length.unpack_from(data)
        if dimensions == 0:
            return []
        if dimensions != 1:
            raise ValueError("an array of several dimensions")
        values: list[Any] = []
        at = _head.size
        for _ in range(*_length.unpack_from(data, 12)):
            (length,) = _length.unpack_from(data, at)
            at += 4
            if length < 0:
                values.append(None)
                continue
            values.append(read(data[at : at + length]))
            at += length
        return values

    return decode


def _read_number(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _read_text(data: bytes) -> str:
    return data.decode()


def _read_moment(data: bytes) -> datetime:
    microseconds = int.from_bytes(data, "big", signed=True)
    if abs(microseconds) >= _INFINITY:
        return _LATEST if microseconds > 0 else _EARLIEST
    return _EPOCH + timedelta(microseconds=microseconds)


def _read_truth(data: bytes) -> bool:
    return data == b"\1"
