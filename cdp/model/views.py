"""The two views as plugins and decisions see them; frozen at `as_of`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model.catalogue import Stage
from cdp.model.events import AccountKind
from cdp.model.identifiers import Identifier
from cdp.model.ids import AccountId, ProfileId


class IntentLevel(StrEnum):
    """Buyer intent by the workspace's thresholds on the score."""

    COLD = "COLD"
    WARM = "WARM"
    HOT = "HOT"


class UsagePhase(StrEnum):
    """How far somebody has come with the product."""

    NONE = "NONE"
    ONBOARDING = "ONBOARDING"
    ACTIVATED = "ACTIVATED"
    ADOPTING = "ADOPTING"
    HABITUAL = "HABITUAL"
    DORMANT = "DORMANT"


class SignalFacts(Struct, frozen=True, kw_only=True):
    """One kind of intent evidence."""

    name: str
    count: int
    first_at: datetime
    last_at: datetime
    weight: float


class IntentFacts(Struct, frozen=True, kw_only=True):
    """The buyer-intent view of a person, or of a person within an account."""

    score: float = 0.0
    level: IntentLevel = IntentLevel.COLD
    stage: Stage | None = None
    furthest_stage: Stage | None = None
    signals: tuple[SignalFacts, ...] = ()
    purchase_count: int = 0
    totals: dict[str, Decimal] = {}
    """Exact total per currency."""


class FeatureUseFacts(Struct, frozen=True, kw_only=True):
    """Use of one feature."""

    feature: str
    count: int
    first_at: datetime
    last_at: datetime


class UsageFacts(Struct, frozen=True, kw_only=True):
    """The usage view of a person, or of a person within an account."""

    phase: UsagePhase = UsagePhase.NONE
    first_used_at: datetime | None = None
    last_used_at: datetime | None = None
    active_days: int = 0
    """In the workspace's window."""
    window_days: int = 28
    features: tuple[FeatureUseFacts, ...] = ()
    measures: dict[str, int] = {}
    """Count per cdp.model.Measure that occurred."""
    used_days: tuple[date, ...] = ()


class AccountFacts(Struct, frozen=True, kw_only=True):
    """An account as far as a member's role or a personalisation may depend on it."""

    account_id: AccountId
    kind: AccountKind
    name: str | None = None
    domain: str | None = None
    traits: dict[str, Any] = {}
    purchase_count: int = 0
    """Orders and contracts of all its members."""
    member_count: int = 0


class ProfileFacts(Struct, frozen=True, kw_only=True):
    """A person with both views over all accounts."""

    profile_id: ProfileId
    display_name: str | None
    identifiers: tuple[Identifier, ...]
    traits: dict[str, Any]
    intent: IntentFacts
    usage: UsageFacts
    as_of: datetime
