"""Personalisation: what to show a person in a slot."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cdp.model.catalogue import Feature, Lens
from cdp.model.roles import MembershipFacts


class PersonalisationRequest(Struct, frozen=True, kw_only=True):
    """A place to fill for one person, within one account or with themselves."""

    slot: str
    membership: MembershipFacts
    roles: tuple[str, ...]
    """Current roles within this membership, strongest first."""
    features: tuple[Feature, ...]
    """The workspace's features, to tell what has not been adopted."""


class Candidate(Struct, frozen=True, kw_only=True):
    """One content for the slot."""

    variant: str
    content: dict[str, Any]
    lens: Lens
    """The panel that the choice was made from; who may not see that panel gets no answer from it."""
    reason: str
    """A sentence for a person: why this variant for this person."""
