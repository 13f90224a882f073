"""Verifying the chain: entry by entry, from the database or from an export, without trusting either."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from cdp.audit.chain import digest
from cdp.errors import BadInput

_ANCHOR = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


class Anchor(Struct, frozen=True):
    """The head of a chain as it once was: kept elsewhere, it shows whether what came before is still all there."""

    sequence: int
    hash: str
    """In hex."""

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


class Flaw(Struct, frozen=True):
    """Where a chain is not what it was."""

    sequence: int
    what: str

    def __str__(self) -> str:
        return f"entry {self.sequence}: {self.what}"


class Chained(Struct, frozen=True):
    """An entry as it was exported: what was hashed, to the byte, and the hashes."""

    entry: Raw
    previous: str
    """Hash of the entry before it, in hex; empty before the first."""
    hash: str


class _Place(Struct, frozen=True):
    """Which entry one says that it is."""

    sequence: int = 0
    workspace: int = 0


class Verification:
    """Goes through a chain once, from its oldest entry on.

    Args:
        anchors: heads that were noted before.
        whole: whether the chain must begin with its first entry; a part of an export need not.
    """

    def __init__(self, anchors: Iterable[Anchor] = (), *, whole: bool = True) -> None:
        self._anchors = {one.sequence: one.hash for one in anchors}
        self._last: Chained | None = None
        self._place = _Place()
        self._whole = whole
        self.count = 0
        self.flaws: list[Flaw] = []

    @property
    def head(self) -> Anchor | None:
        """The last entry that was seen; None: there was none."""
        return None if self._last is None else Anchor(self._place.sequence, self._last.hash)

    def take(self, one: Chained) -> None:
        """Look at the next entry."""
        self.count += 1
        text = bytes(one.entry)
        place = msgspec.json.decode(text, type=_Place)
        self._check_place(one, place)
        if digest(_bytes(one.previous), text).hex() != one.hash:
            self._say(place.sequence, "it is not what was written")
        if self._anchors.pop(place.sequence, one.hash) != one.hash:
            self._say(place.sequence, "it is another one than was noted")
        self._last, self._place = one, place

    def _check_place(self, one: Chained, place: _Place) -> None:
        last, last_place = self._last, self._place
        if last is None:
            if self._whole and place.sequence != 1:
                self._say(place.sequence, "those before it are missing")
            elif place.sequence == 1 and one.previous:
                self._say(1, "it is not the first one that was written")
        elif place.sequence != last_place.sequence + 1:
            self._say(
                place.sequence, f"it follows {last_place.sequence}: those between are missing, or moved"
            )
        elif one.previous != last.hash:
            self._say(place.sequence, f"it was not written after this entry {last_place.sequence}")
        if last is not None and place.workspace != last_place.workspace:
            self._say(place.sequence, "it is another workspace's")

    def end(self) -> None:
        """There are no more entries; what was noted of others is missing."""
        for sequence in sorted(self._anchors):
            self._say(sequence, "it was noted, and is missing")
        self._anchors.clear()

    def _say(self, sequence: int, what: str) -> None:
        self.flaws.append(Flaw(sequence, what))


def read_anchor(text: str) -> Anchor:
    """An anchor as `cdp audit head` prints it.

    Raises:
        BadInput: it is none.
    """
    found = _ANCHOR.fullmatch(text.strip().lower())
    if found is None:
        raise BadInput(f"{text[:100]!r} is no anchor; it is SEQUENCE:HASH, as `cdp audit head` prints it.")
    return Anchor(int(found[1]), found[2])


def read_line(line: bytes, number: int) -> Chained:
    """A line of an export.

    Raises:
        BadInput: it is none.
    """
    try:
        found = msgspec.json.decode(line, type=Chained)
        msgspec.json.decode(found.entry, type=_Place)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"Line {number} is no entry of an export: {error}.") from None
    return found


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()  # no hash fits it
