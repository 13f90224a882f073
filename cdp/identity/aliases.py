"""Alias calls: which of the ids that they name are user ids."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from cdp.identity.kinds import ANONYMOUS_ID, USER_ID, Kinds, strongest_first
from cdp.model import Event, EventType, Identifier


def previous_users(events: Sequence[Event]) -> set[Identifier]:
    """Who the previous ids of alias calls are, should they prove to be user ids."""
    return {
        Identifier(USER_ID, one.value)
        for event in events
        if event.type is EventType.ALIAS
        for one in event.identifiers
        if one.kind == ANONYMOUS_ID
    }


def as_users(
    identifiers: Sequence[Identifier], kinds: Kinds, users: AbstractSet[Identifier]
) -> tuple[Identifier, ...]:
    """An alias call's identifiers; a previous id is a user id where a user of that id is known."""
    known = (
        user if one.kind == ANONYMOUS_ID and (user := Identifier(USER_ID, one.value)) in users else one
        for one in identifiers
    )
    return strongest_first(kinds, known)
