"""What plugins are asked about an event on its way, before it is stored, and what they may answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct, structs

from cdp.model.events import Event
from cdp.model.identifiers import Identifier

T = TypeVar("T")


class Batch(Struct, Generic[T], frozen=True):
    """What came together, to be answered together: read it like a tuple, answer by index.

    Every look gives a copy, so that nothing is paid for what is not looked at, and nothing can be changed for others.
    """

    _items: tuple[T, ...] = ()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def __getitem__(self, index: int) -> T:
        """The one at an index."""
        copy: T = _copied(self._items[index])
        return copy

    def __iter__(self) -> Iterator[T]:
        """One after the other; `enumerate` gives the indexes to answer by."""
        return map(_copied, self._items)

    def named(self, *names: str) -> Iterator[tuple[int, T]]:
        """Of events: index and event of those that have one of these names; the others are not even copied."""
        for index, item in enumerate(self._items):
            if getattr(item, "name", None) in names:
                yield index, _copied(item)


class Purpose(StrEnum):
    """What data may be used for; consent is given or refused for each."""

    ANALYTICS = "ANALYTICS"
    """Being counted, stored and shown in the views: what every event that comes in is for."""
    PERSONALISATION = "PERSONALISATION"
    SALES_OUTREACH = "SALES_OUTREACH"
    SUPPORT = "SUPPORT"
    SHARING = "SHARING"


class ConsentQuestion(Struct, frozen=True, kw_only=True):
    """May this be used for that?"""

    purpose: Purpose
    identifiers: tuple[Identifier, ...]
    """Of the person; strongest first."""
    said: dict[str, Any] = {}
    """What the event's `context.consent` says; empty: nothing."""
    known: dict[str, Any] = {}
    """What was kept before as the person's trait `consent`; where two identifiers of the event disagree, what says no
    stands before what says yes. Empty: nothing."""
    as_of: datetime


class Redacted(Struct, frozen=True, kw_only=True):
    """An event that may pass like this."""

    event: Event
    """What is stored in its place."""
    found: dict[str, int] = {}
    """What was taken out, and how often, such as `{"email": 2}`; kept with the event and told to its sender."""


class Withheld(Struct, frozen=True, kw_only=True):
    """An event that may not pass at all."""

    reason: str
    """A sentence for its sender; it quotes no personal data."""


class Classification(Struct, frozen=True, kw_only=True):
    """Under which name an event counts; it keeps its own."""

    counts_as: str
    """A name of the catalogue."""
    reason: str
    """Why, in a sentence; kept with the event."""


class AccountClaim(Struct, frozen=True, kw_only=True):
    """In which account an event happened that names none; by exactly one of its two names."""

    group_id: str | None = None
    """The id that the sender's systems know the account by."""
    domain: str | None = None
    """Its domain: `acme.com`, or an address or web site there."""
    member: bool = False
    """Whether the person is a member of it from then on, rather than only acted in it."""
    confidence: float
    """Above 0, at most 1; of several claims the surest holds."""
    reason: str
    """Why, in a sentence; kept with the event."""


def _copied(item: Any) -> Any:
    """The same with objects and lists of its own; what cannot be changed is shared."""
    match item:
        case Event():
            return structs.replace(item, properties=_copied(item.properties), context=_copied(item.context))
        case ConsentQuestion():
            return structs.replace(item, said=_copied(item.said), known=_copied(item.known))
        case dict():
            return {key: _copied(value) if type(value) in _NESTED else value for key, value in item.items()}
        case list():
            return [_copied(value) if type(value) in _NESTED else value for value in item]
        case _:
            return item


_NESTED = (dict, list)
