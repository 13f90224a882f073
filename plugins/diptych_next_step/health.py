"""How well an account is, from what its people do: a pure figure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cdp.model import UsagePhase
from diptych_next_step.steps import Tickets


class Grade(StrEnum):
    """How well an account is, in a word."""

    GOOD = "GOOD"
    """Two thirds or more of the points."""
    FAIR = "FAIR"
    """A third or more of the points."""
    POOR = "POOR"
    """Fewer points."""


class Use(Struct, frozen=True, kw_only=True):
    """Of the account's usage panel."""

    phase: UsagePhase
    adoption_rate: float | None
    stickiness: float
    support: Tickets


class Facts(Struct, frozen=True, kw_only=True):
    """What an account's health depends on."""

    usage: Use
    alignment: str


class Health(Struct, frozen=True, kw_only=True):
    """How well an account is."""

    score: float
    """Points of 1: half for the phase of usage, a quarter for adoption, a quarter for stickiness, less tickets."""
    grade: Grade
    """The score in a word."""
    reasons: tuple[str, ...]
    """What it is made of, in sentences."""


_PHASES = {
    UsagePhase.NONE: 0.0,
    UsagePhase.DORMANT: 0.1,
    UsagePhase.ONBOARDING: 0.4,
    UsagePhase.ACTIVATED: 0.6,
    UsagePhase.ADOPTING: 0.8,
    UsagePhase.HABITUAL: 1.0,
}
_TICKET = 0.05


def health(facts: Facts) -> Health:
    """The points, and what they are for."""
    use = facts.usage
    points = _PHASES[use.phase] / 2 + (use.adoption_rate or 0.0) / 4 + use.stickiness / 4
    score = round(max(0.0, points - _TICKET * use.support.open), 3)
    reasons = [f"Usage is {use.phase}."]
    if use.adoption_rate is not None:
        reasons.append(f"{use.adoption_rate:.0%} of the features are used.")
    if use.support.open:
        reasons.append(f"{use.support.open} tickets are open.")
    if facts.alignment != "ALIGNED":
        reasons.append(f"Buyers and users: {facts.alignment}.")
    grade = Grade.GOOD if score >= 2 / 3 else Grade.FAIR if score >= 1 / 3 else Grade.POOR
    return Health(score=score, grade=grade, reasons=tuple(reasons))
