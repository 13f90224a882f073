"""Who an item is about: the identifiers in it, normalised, strongest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cdp.identity.kinds import (
    ANONYMOUS_ID,
    DEVICE_ID,
    EMAIL,
    LONGEST_VALUE,
    PHONE,
    USER_ID,
    Kinds,
    is_junk,
    normalise,
    strongest_first,
)
from cdp.ingest.limits import GROUP_ID_LENGTH
from cdp.ingest.results import Remark
from cdp.model import Identifier

_CACHED = 50_000
"""Normalised identifiers kept per workspace: the libraries for e-mail addresses and phone numbers take their time."""


class Seen(Struct, frozen=True, kw_only=True):
    """Every place of an item that may name the person."""

    user_id: Any
    anonymous_id: Any
    previous_id: Any
    traits: Mapping[str, Any]
    context: Mapping[str, Any]
    context_traits: Mapping[str, Any]


class Named(Struct, frozen=True, kw_only=True):
    """Which of the ids that a call requires were there and good."""

    person: bool
    previous: bool


class Names:
    """Finds the identifiers of items, for one workspace."""

    def __init__(self, kinds: Kinds, default_country: str) -> None:
        self._kinds = kinds
        self._default_country = default_country
        self._cache: dict[tuple[str, str], Identifier | None] = {}

    def identifiers(self, seen: Seen, remarks: list[Remark]) -> tuple[tuple[Identifier, ...], Named]:
        """The item's identifiers, strongest first, without junk and duplicates; bad ones are remarked on."""
        user = self._id(USER_ID, seen.user_id, ("userId",), remarks)
        anonymous = self._id(ANONYMOUS_ID, seen.anonymous_id, ("anonymousId",), remarks)
        # An id that an alias call replaces is an anonymous one, unless identity knows it as a user_id.
        previous = self._id(ANONYMOUS_ID, seen.previous_id, ("previousId",), remarks)
        found = [identifier for identifier in (user, anonymous, previous) if identifier is not None]
        context = seen.context
        if seen.traits or seen.context_traits:
            self._add_traits(seen, found, remarks)
        if "device" in context:
            device = context["device"]
            if isinstance(device, dict) and device.get("id") is not None:
                self._add(DEVICE_ID, device["id"], ("context", "device", "id"), found, remarks)
        if "externalIds" in context or "externalId" in context:
            self._add_external(context, found, remarks)
        named = Named(person=user is not None or anonymous is not None, previous=previous is not None)
        if len(found) < 2:
            return tuple(found), named
        return strongest_first(self._kinds, found), named

    def _add_traits(self, seen: Seen, found: list[Identifier], remarks: list[Remark]) -> None:
        for kind in (EMAIL, PHONE):
            for traits, path in ((seen.traits, ("traits",)), (seen.context_traits, ("context", "traits"))):
                if traits.get(kind) is not None:
                    self._add(kind, traits[kind], (*path, kind), found, remarks)

    def _add_external(
        self, context: Mapping[str, Any], found: list[Identifier], remarks: list[Remark]
    ) -> None:
        """`context.externalIds` as Segment defines it, `context.externalId` as RudderStack does: [{id, type}]."""
        for key in ("externalIds", "externalId"):
            listed = context.get(key)
            for index, external in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(external, dict) and external.get("collection") in (None, "users"):
                    kind = external.get("type")
                    path = ("context", key, str(index), "id")
                    self._add(kind if isinstance(kind, str) else "", external.get("id"), path, found, remarks)

    def _add(
        self, kind: str, value: Any, path: tuple[str, ...], found: list[Identifier], remarks: list[Remark]
    ) -> None:
        identifier = self._id(kind, value, path, remarks)
        if identifier is not None:
            found.append(identifier)

    def _id(self, kind: str, value: Any, path: tuple[str, ...], remarks: list[Remark]) -> Identifier | None:
        """The identifier, or None for an absent one (null or empty) and, with a remark, for a bad one."""
        if value is None or value == "":
            return None
        if type(value) is str and (known := self._cache.get((kind, value))) is not None:
            return known
        text = as_text(value)
        identifier = None
        if text is not None and len(text) <= LONGEST_VALUE:
            try:
                identifier = self._cache[kind, text]
            except KeyError:
                identifier = normalise(self._kinds, kind, text, self._default_country)
                if len(self._cache) >= _CACHED:
                    self._cache.clear()
                self._cache[kind, text] = identifier
        if identifier is None:
            remarks.append(
                Remark(
                    code="INVALID_IDENTIFIER",
                    message=f"This is not a usable {kind or 'identifier'}; it is ignored.",
                    field=path,
                )
            )
        return identifier


def as_text(value: Any) -> str | None:
    """An id as text: clients write numbers too. None for what is no id at all."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return None


def group_id(value: Any) -> str | None:
    """The id of a group, without surrounding space; None for what cannot be one."""
    text = as_text(value)
    text = text.strip() if text is not None else ""
    return text if 0 < len(text) <= GROUP_ID_LENGTH and not is_junk(text) else None
