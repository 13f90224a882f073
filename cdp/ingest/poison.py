"""Events that the database has refused lately, so that a sender who repeats a batch of them gets on at once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import msgspec

from cdp.ingest.results import Refusal
from cdp.model import Event, WorkspaceId

_REMEMBERED = 20_000
"""Most events; about 200 bytes each."""


class Poison:
    """What one process remembers of events that it refused and kept.

    A batch with more bad events than can be singled out while its sender waits is answered 503 and comes again: what
    was found bad the first time is neither tried nor kept a second time then.
    """

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[tuple[WorkspaceId, str], tuple[bytes, Refusal]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, workspace_id: WorkspaceId, event: Event, refusal: Refusal) -> None:
        """Note that the event was refused and is kept."""
        short = msgspec.structs.replace(refusal, body=b"")
        self._known[workspace_id, event.message_id] = (_digest(event), short)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)

    def recall(self, workspace_id: WorkspaceId, event: Event) -> Refusal | None:
        """Why this very event was refused; None: it was not, or has been mended since."""
        known = self._known.get((workspace_id, event.message_id))
        return known[1] if known is not None and known[0] == _digest(event) else None


def _digest(event: Event) -> bytes:
    """What the event says, without when and how it came."""
    said = (event.type, event.name, event.identifiers, event.properties, event.context, event.account)
    # What made it poison may be what JSON cannot hold either.
    return hashlib.blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()
