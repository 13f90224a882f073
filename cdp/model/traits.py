"""Enrichment: who provides it, what is asked, and what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model.events import AccountKind
from cdp.model.identifiers import Identifier
from cdp.model.ids import AccountId, ProfileId


class Subject(StrEnum):
    """What a provider knows something about."""

    PERSON = "PERSON"
    ACCOUNT = "ACCOUNT"


class Charged(StrEnum):
    """What a provider takes money for."""

    HIT = "HIT"
    """An answer that gives at least one field."""
    CALL = "CALL"
    """Every answer."""


class RateLimit(Struct, frozen=True, kw_only=True):
    """At most so many calls in any span of this length."""

    calls: int
    per: timedelta = timedelta(seconds=1)
    """Up to 31 days."""


class Provider(Struct, frozen=True, kw_only=True):
    """A source of enrichment, as the plugin declares it."""

    name: str
    """In small letters, such as `acme_people`; no other provider has it."""
    subject: Subject
    fields: tuple[str, ...] = ()
    """Keys of the traits that it may give; empty: any, and then it is asked whatever is known already."""
    cost: Decimal = Decimal(0)
    """The most that one call costs, exactly."""
    currency: str = "USD"
    """ISO 4217."""
    charged: Charged = Charged.HIT
    latency: timedelta = timedelta(milliseconds=500)
    """How long an answer is expected to take; a call may take four times that, at least 1 and at most 30 seconds."""
    rate_limit: RateLimit | None = None
    at_once: int | None = None
    """Calls that may be under way together, over all processes."""
    time_to_live: timedelta | None = timedelta(days=30)
    """How long an answer is good for; None: it stays, and is asked for again after 30 days."""
    miss_time_to_live: timedelta = timedelta(days=7)
    """How long it is remembered that it knew nothing."""
    confidence: float = 0.8
    """How sure its answers usually are, above 0 and at most 1."""
    priority: int = 50
    """Smaller is asked earlier; among equals, who gives more for the money."""
    of_settings: Callable[[Any], Sequence[Provider]] | None = None
    """`(the plugin's settings in a workspace)` → the providers that stand in this one's place there; their names are
    this name, or begin with it and a dot. It must be quick and may do nothing else."""


class EnrichmentRequest(Struct, frozen=True, kw_only=True):
    """A person to be enriched."""

    profile_id: ProfileId
    identifiers: tuple[Identifier, ...]
    traits: dict[str, Any]
    """What is known: what was said of the person, and beneath it what providers before found."""
    default_country: str
    as_of: datetime
    provider: str = ""
    """Which of the plugin's providers is asked."""
    fields: tuple[str, ...] = ()
    """What that provider declares."""
    wanted: tuple[str, ...] = ()
    """The fields among them that are still missing, or not known surely enough."""


class AccountEnrichmentRequest(Struct, frozen=True, kw_only=True):
    """An account to be enriched."""

    account_id: AccountId
    kind: AccountKind
    name: str | None
    domain: str | None
    group_id: str | None
    traits: dict[str, Any]
    """What is known: what was said of the account, and beneath it what providers before found."""
    default_country: str
    as_of: datetime
    provider: str = ""
    """Which of the plugin's providers is asked."""
    fields: tuple[str, ...] = ()
    """What that provider declares."""
    wanted: tuple[str, ...] = ()
    """The fields among them that are still missing, or not known surely enough."""


class EnrichedTrait(Struct, frozen=True, kw_only=True):
    """One trait that a provider contributes, with its provenance."""

    key: str
    value: Any
    about: Identifier | None = None
    """The identifier that it was derived from: the trait stays with it through merges and splits. None: the account."""
    confidence: float
    """0 (exclusive) to 1."""
    cost: Decimal = Decimal(0)
    """Where the traits of an answer cost something, the call cost their sum; else, what the provider declares."""
    expires_at: datetime | None = None
    """None: when the provider's time to live is over."""


class Unanswered(Struct, frozen=True, kw_only=True):
    """What a hook returns where its provider could not answer: it is away, or wants to be left alone for a while."""

    reason: str
    retry_after: timedelta | None = None
    """When to ask again at the earliest, over all subjects."""
    cost: Decimal = Decimal(0)
    """What the provider takes for it all the same."""
