"""Classes of traits: what a trait, or a property of an event, tells, and so who may see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase

from msgspec import Struct


class TraitOf(StrEnum):
    """Whose traits."""

    PROFILE = "PROFILE"
    """Of people, be they said of them or contributed by providers."""
    ACCOUNT = "ACCOUNT"
    """Of accounts, likewise."""
    EVENT = "EVENT"
    """Properties of events that are no traits."""


class TraitClass(StrEnum):
    """What a trait tells."""

    PERSONAL = "PERSONAL"
    """Who somebody is."""
    INTENT = "INTENT"
    """Something of the buyer-intent panel, such as a score that sales gave."""
    USAGE = "USAGE"
    """Something of the usage panel, such as a health score."""
    OPEN = "OPEN"
    """Nothing of these."""


class TraitClasses(Struct, frozen=True, rename="upper"):
    """The classes that a workspace has declared: by `folded` key."""

    profile: dict[str, TraitClass] = {}
    account: dict[str, TraitClass] = {}
    event: dict[str, TraitClass] = {}

    def of(self, subject: TraitOf) -> Mapping[str, TraitClass]:
        """Those of people, of accounts or of events."""
        match subject:
            case TraitOf.PROFILE:
                return self.profile
            case TraitOf.ACCOUNT:
                return self.account
            case TraitOf.EVENT:
                return self.event


class ClassifiedTrait(Struct, frozen=True, kw_only=True):
    """What a trait is taken for."""

    of: TraitOf
    key: str
    """As it was written when it was declared, else as it came."""
    trait_class: TraitClass
    """Declared, or what its name says; a value that looks like a person's address makes a trait personal, too."""
    changed_by: str | None = None
    """Who declared it; None: nobody did."""
    changed_at: datetime | None = None


_FOLDS = str.maketrans(ascii_uppercase, ascii_lowercase, " _-.")


def folded(key: str) -> str:
    """A key without what spellings differ in: `leadScore`, `lead_score` and `Lead score` are one."""
    return key.translate(_FOLDS)
