"""What plugins are told after a commit: values before and after, of one person each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cdp.model.catalogue import Lens
from cdp.model.events import AccountKind
from cdp.model.identifiers import Identifier
from cdp.model.ids import AccountId, ProfileId


class ChangedPerson(Struct, frozen=True, kw_only=True):
    """Whom a change is about."""

    profile_id: ProfileId
    display_name: str | None = None
    """Personal data, whatever the change's `labels` say."""


class ChangedAccount(Struct, frozen=True, kw_only=True):
    """Within which account something changed."""

    account_id: AccountId
    kind: AccountKind
    name: str | None = None
    domain: str | None = None


class ProfileState(Struct, frozen=True, kw_only=True):
    """Who a person is known to be."""

    display_name: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    """Strongest first."""
    traits: dict[str, Any] = {}


class MembershipState(Struct, frozen=True, kw_only=True):
    """How a person stands to an account."""

    own: bool
    """Whether the person is a member, rather than having only acted in the account."""
    since: datetime | None = None
    until: datetime | None = None


class RoleState(Struct, frozen=True, kw_only=True):
    """How sure it is that a person holds a role, and who says so. Evidence is left out: it may quote a panel."""

    confidence: float
    """The largest of all sources', rounded to a tenth; smaller moves are no change."""
    sources: tuple[str, ...]
    """Plugins and people (`human:…`), in alphabetical order."""


class Measured(StrEnum):
    """What a stage change is about."""

    STAGE = "STAGE"
    """The stage of the buying journey: of the intent panel."""
    LEVEL = "LEVEL"
    """COLD, WARM or HOT: of the intent panel."""
    PHASE = "PHASE"
    """The phase of usage: of the usage panel."""


class ProfileChange(Struct, frozen=True, kw_only=True):
    """A person's identifiers, name or traits changed."""

    delivery_id: str
    """The same each time that this change is told again, and never of another."""
    person: ChangedPerson
    before: ProfileState | None
    """None: there was no such person."""
    after: ProfileState | None
    """None: it went into `merged_into`."""
    merged_into: ProfileId | None = None
    noted_at: datetime
    labels: frozenset[str] = frozenset({"pii"})
    """What it takes to see this: `intent`, `usage`, `pii`."""


class MembershipChange(Struct, frozen=True, kw_only=True):
    """A person came to an account, left it, or stands differently to it."""

    delivery_id: str
    person: ChangedPerson
    account: ChangedAccount
    before: MembershipState | None
    after: MembershipState | None
    noted_at: datetime
    labels: frozenset[str] = frozenset()


class RoleChange(Struct, frozen=True, kw_only=True):
    """A role began, ended, or is believed for other reasons."""

    delivery_id: str
    person: ChangedPerson
    account: ChangedAccount | None
    """None: within the person's membership with themselves."""
    role: str
    before: RoleState | None
    """None: it began."""
    after: RoleState | None
    """None: it ended."""
    noted_at: datetime
    labels: frozenset[str] = frozenset()


class StageChange(Struct, frozen=True, kw_only=True):
    """A person moved along one of the two journeys."""

    delivery_id: str
    person: ChangedPerson
    account: ChangedAccount | None
    """None: over all accounts."""
    measured: Measured
    lens: Lens
    """The panel that it belongs to."""
    before: str | None
    after: str | None
    noted_at: datetime
    labels: frozenset[str]
    """`intent` or `usage`: never show it to those who may not see that panel."""


Change = ProfileChange | MembershipChange | RoleChange | StageChange
"""Anything that plugins are told."""
