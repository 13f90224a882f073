"""Which claims begin, end or change, decided from what is claimed now and what plugins say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from cdp.hooks.outcomes import Answered, Outcome
from cdp.model import AccountId, Evidence, ProfileId, RoleContribution

Place: TypeAlias = tuple[ProfileId, AccountId]
"""A membership."""

Answers: TypeAlias = Mapping[Place, Mapping[str, Outcome[tuple[RoleContribution, ...]]]]
"""Per membership, what each plugin said."""

MATERIAL_CONFIDENCE = 0.05
"""A smaller move of the confidence is not worth a write."""

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


class Claim(Struct, frozen=True, kw_only=True):
    """A claim that is current in the database."""

    claim_id: int
    place: Place
    role: str
    source: str
    confidence: float
    evidence: tuple[Evidence, ...]


class NewClaim(Struct, frozen=True, kw_only=True):
    """A claim that begins."""

    place: Place
    source: str
    contribution: RoleContribution
    since: datetime


class Decision(Struct, frozen=True, kw_only=True):
    """What to write."""

    begin: tuple[NewClaim, ...] = ()
    revise: tuple[tuple[int, RoleContribution], ...] = ()
    """Claims whose confidence or grounds have changed materially, by id."""
    end: tuple[int, ...] = ()


def decide(current: Sequence[Claim], answers: Answers, *, kept: Collection[str], now: datetime) -> Decision:
    """Compare.

    A claim goes on while its plugin repeats it, or cannot be asked: because the call failed, or because the plugin is
    one of `kept`, which should be loaded and is not. It ends when its plugin answers without it, when the plugin has
    been removed or turned off, and when the membership itself is gone.
    """
    begin: list[NewClaim] = []
    revise: list[tuple[int, RoleContribution]] = []
    end: list[int] = []
    standing: set[tuple[Place, str, str]] = set()
    for claim in current:
        outcome = answers[claim.place].get(claim.source) if claim.place in answers else None
        repeated = _contribution(outcome, claim.role)
        standing.add((claim.place, claim.source, claim.role))
        if repeated is not None:
            if _materially_differs(claim, repeated):
                revise.append((claim.claim_id, repeated))
        elif claim.place not in answers or not _cannot_be_asked(outcome, claim.source, kept):
            end.append(claim.claim_id)
    for place, said in answers.items():
        for source, outcome in said.items():
            if not isinstance(outcome, Answered):
                continue
            begin += [
                NewClaim(place=place, source=source, contribution=one, since=min(one.since or now, now))
                for one in outcome.value
                if (place, source, one.role) not in standing
            ]
    return Decision(begin=tuple(begin), revise=tuple(revise), end=tuple(end))


def _contribution(
    outcome: Outcome[tuple[RoleContribution, ...]] | None, role: str
) -> RoleContribution | None:
    if not isinstance(outcome, Answered):
        return None
    return next((one for one in outcome.value if one.role == role), None)


def _cannot_be_asked(
    outcome: Outcome[tuple[RoleContribution, ...]] | None, source: str, kept: Collection[str]
) -> bool:
    return source in kept if outcome is None else not isinstance(outcome, Answered)


def _materially_differs(claim: Claim, repeated: RoleContribution) -> bool:
    """Another degree of confidence, or another kind of reason; figures within a reason may drift."""
    if abs(claim.confidence - repeated.confidence) >= MATERIAL_CONFIDENCE:
        return True
    return _kinds_of_reason(claim.evidence) != _kinds_of_reason(repeated.evidence)


def _kinds_of_reason(evidence: Sequence[Evidence]) -> set[str]:
    return {_FIGURE.sub("#", one.reason) for one in evidence}
