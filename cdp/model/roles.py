"""Roles: what a person is within a membership."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model.views import AccountFacts, IntentFacts, ProfileFacts, UsageFacts


class Role(StrEnum):
    """The roles of the core; plugins may register further ones."""

    ECONOMIC_BUYER = "ECONOMIC_BUYER"
    END_USER = "END_USER"
    INFLUENCER = "INFLUENCER"
    CHAMPION = "CHAMPION"
    CLIENT = "CLIENT"
    TRIAL_USER = "TRIAL_USER"
    THIRD_PARTY_USER = "THIRD_PARTY_USER"
    ADVOCATE = "ADVOCATE"


class RoleKind(Struct, frozen=True, kw_only=True):
    """A role that a plugin adds to those of the core."""

    name: str
    """In capitals, such as `LEGAL_AND_COMPLIANCE`."""
    description: str
    """A sentence for a person: who holds it."""
    buying: bool = False
    """Whether it belongs to an account's buying committee."""
    needed: bool = False
    """Of a buying role: whether a purchase lacks somebody while nobody holds it."""


class MembershipFacts(Struct, frozen=True, kw_only=True):
    """All that a role resolver sees: one person within one account, or with themselves (`account` None)."""

    profile: ProfileFacts
    account: AccountFacts | None
    own: bool
    """Whether the person is a member, rather than having only acted in the account."""
    intent: IntentFacts
    """Within this account."""
    usage: UsageFacts
    """Within this account."""
    since: datetime | None
    until: datetime | None
    as_of: datetime


class Evidence(Struct, frozen=True, kw_only=True):
    """One reason for a claim, in words and in figures."""

    reason: str
    """A sentence for a person, such as «paid 2 orders»."""
    facts: dict[str, Any] = {}


class RoleContribution(Struct, frozen=True, kw_only=True):
    """A resolver's claim that the person holds a role; a claim without evidence is refused."""

    role: str
    confidence: float
    """0 (exclusive) to 1."""
    evidence: tuple[Evidence, ...]
    since: datetime | None = None
    """When it began, where the evidence tells; None: now."""
    until: datetime | None = None
    """Until when it holds if nothing new is learnt; you are asked again then. None: until you say otherwise."""


class ScoreContribution(Struct, frozen=True, kw_only=True):
    """Points that a plugin adds beside what the core knows exactly, with the reason; it is told again or it ends."""

    name: str
    """What it is for, such as `comes_back`; one answer names it once."""
    points: float
    """How many, -1,000 to 1,000."""
    reason: str
    """A sentence for a person, such as «looked at prices in 3 different weeks»."""
    facts: dict[str, Any] = {}
    """The figures behind it."""
    until: datetime | None = None
    """As in RoleContribution."""
