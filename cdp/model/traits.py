"""Traits that provider plugins contribute."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from cdp.model.identifiers import Identifier
from cdp.model.ids import ProfileId


class EnrichmentRequest(Struct, frozen=True, kw_only=True):
    """A person to be enriched."""

    profile_id: ProfileId
    identifiers: tuple[Identifier, ...]
    traits: dict[str, Any]
    default_country: str
    as_of: datetime


class EnrichedTrait(Struct, frozen=True, kw_only=True):
    """One trait that a provider contributes, with its provenance."""

    key: str
    value: Any
    about: Identifier
    """The identifier that it was derived from: the trait stays with it through merges and splits."""
    confidence: float
    """0 (exclusive) to 1."""
    cost: Decimal = Decimal(0)
    """In the workspace's currency."""
    expires_at: datetime | None = None
