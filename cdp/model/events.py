"""Events: immutable facts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model.identifiers import Identifier, LinkVeto


class EventType(StrEnum):
    """The calls of the tracking API."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


class AccountKind(StrEnum):
    """What a person buys or uses on behalf of."""

    ORGANISATION = "ORGANISATION"
    HOUSEHOLD = "HOUSEHOLD"


class AccountRef(Struct, frozen=True, kw_only=True):
    """An account as an event names it."""

    group_id: str
    """Empty where its domain names it."""
    member: bool
    """Whether the event makes the person a member (`group`), or only happened in the account (`context.groupId`)."""
    domain: str | None = None
    """Its registrable domain, for one that a plugin resolved; None: the group id names it."""


class Event(Struct, frozen=True, kw_only=True):
    """Who, what, when, in which account; decoded, validated, times corrected, identifiers normalised."""

    message_id: str
    type: EventType
    name: str
    """The catalogue's name: a track call's `event`; otherwise `Page Viewed`, `Screen Viewed`, `Identified`, `Grouped`
    or `Aliased`."""
    occurred_at: datetime
    """UTC, never later than `received_at`."""
    received_at: datetime
    identifiers: tuple[Identifier, ...]
    """At least one; strongest first, no junk, no duplicates."""
    account: AccountRef | None = None
    properties: dict[str, Any] = {}
    """Of track, page and screen; the traits of identify and group."""
    context: dict[str, Any] = {}
    source: str = "tracking"
    """`tracking`, `graphql`, `import`, or `human:<key name>` for what a person stated by mutation."""
    vetoes: tuple[LinkVeto, ...] = ()
    """Which of its identifiers it does not link, by the word of plugins."""
    proven: tuple[Identifier, ...] | None = None
    """Of what a web page sent: identifiers that a visitor's token proves to be the visitor's. None: the sender is
    believed."""
    unproven: tuple[Identifier, ...] = ()
    """What a web page called the visitor without proof, where the workspace demands it; the event is not about them."""
