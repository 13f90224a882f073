"""What becomes of each item of a batch."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cdp.model import Event


class Refusal(Struct, frozen=True, kw_only=True):
    """Why an item was not stored, and the item as it arrived."""

    code: str
    message: str
    """One sentence that the sender can act on; it quotes no personal data."""
    field: tuple[str, ...] = ()
    """Path to what is wrong, where that is known."""
    body: bytes = b""


class Remark(Struct, frozen=True, kw_only=True):
    """Something about an accepted item that its sender should mend."""

    code: str
    message: str
    field: tuple[str, ...] = ()


class Checked(Struct, frozen=True, kw_only=True):
    """An item that became an event."""

    event: Event
    remarks: tuple[Remark, ...] = ()
    token: str | None = None
    """The visitor's token that came with it, which is not stored."""


class Outcome(StrEnum):
    """What became of one event."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """Its message id was stored before, or earlier in the same batch: it counts once."""
    REFUSED = "refused"


class ItemResult(Struct, frozen=True, kw_only=True):
    """What became of one event, durably."""

    outcome: Outcome
    refusal: Refusal | None = None
    """Why, where it was refused."""


STORED = ItemResult(outcome=Outcome.STORED)
DUPLICATE = ItemResult(outcome=Outcome.DUPLICATE)
