"""Personalisation: what to show a person in a slot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import Struct

from cdp.model.catalogue import Feature, Lens
from cdp.model.roles import MembershipFacts

FALLBACK = "fallback"
"""Name of what is shown where no candidate is, in events and reports."""
HOLDOUT = "holdout"
"""Name of what the holdout group is shown."""
RESERVED = frozenset({FALLBACK, HOLDOUT})
"""What no variant may be called, in any case."""
HIGHEST_PRIORITY = 1_000_000
HEAVIEST = 1_000_000.0
LONGEST_CAP = timedelta(days=90)


class Cap(Struct, frozen=True, kw_only=True):
    """A frequency cap: at most so many impressions a person."""

    times: int
    within: timedelta = timedelta(days=7)
    """The period, back from the moment of the choice."""


class Candidate(Struct, frozen=True, kw_only=True):
    """One content for the slot."""

    variant: str
    content: dict[str, Any]
    lens: Lens
    """The panel that the choice was made from; who may not see that panel gets no answer from it."""
    reason: str
    """A sentence for a person: why this variant for this person."""
    priority: int = 0
    """Of the candidates that are eligible, those with the highest priority take part in the assignment."""
    weight: float = 1.0
    """Share of the people among candidates of one priority, in proportion; above 0."""
    cap: Cap | None = None
    """How often a person may be shown it. Who may not see both panels does not get a candidate with a cap."""


class PersonalisationRequest(Struct, frozen=True, kw_only=True):
    """A place to fill for one person, within one account or with themselves."""

    slot: str
    membership: MembershipFacts
    roles: tuple[str, ...]
    """Current roles within this membership, strongest first."""
    features: tuple[Feature, ...]
    """The workspace's features, to tell what has not been adopted."""
    candidates: tuple[Candidate, ...] = ()
    """For `choose_personalisation`: what the person is eligible for, of the workspace and of plugins, highest priority
    first; empty for `propose_personalisation`."""
