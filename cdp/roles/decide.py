"""Which claims begin, end or change, decided from what is claimed now and what plugins say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
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
MATERIAL_VALIDITY = timedelta(hours=1)
"""Nor is a smaller move of the end, while the claim holds."""

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


class Claim(Struct, frozen=True, kw_only=True):
    """A claim that is current in the database."""

    claim_id: int
    place: Place
    role: str
    source: str
    confidence: float
    evidence: tuple[Evidence, ...]
    until: datetime | None = None
    """Until when it holds by its own word."""


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
    extend: tuple[tuple[int, datetime | None], ...] = ()
    """Claims of which only the end has, by id."""
    end: tuple[int, ...] = ()


def decide(current: Sequence[Claim], answers: Answers, *, kept: Collection[str], now: datetime) -> Decision:
    """Compare.

    A claim goes on while its plugin repeats it, or cannot be asked: because the call failed, or because the plugin is
    one of `kept`, which should be loaded and is not. It ends when its plugin answers without it, or with an end that
    has come, when the plugin has been removed or turned off, and when the membership itself is gone.
    """
    begin: list[NewClaim] = []
    revise: list[tuple[int, RoleContribution]] = []
    extend: list[tuple[int, datetime | None]] = []
    end: list[int] = []
    standing: set[tuple[Place, str, str]] = set()
    for claim in current:
        outcome = answers[claim.place].get(claim.source) if claim.place in answers else None
        repeated = _contribution(outcome, claim.role, now)
        standing.add((claim.place, claim.source, claim.role))
        if repeated is not None:
            if materially_differs(claim.confidence, claim.evidence, repeated):
                revise.append((claim.claim_id, repeated))
            elif another_end(claim.until, repeated.until, now):
                extend.append((claim.claim_id, repeated.until))
        elif claim.place not in answers or not cannot_be_asked(outcome, claim.source, kept):
            end.append(claim.claim_id)
    for place, said in answers.items():
        for source, outcome in said.items():
            begin += [
                NewClaim(place=place, source=source, contribution=one, since=min(one.since or now, now))
                for one in in_force(outcome, now)
                if (place, source, one.role) not in standing
            ]
    return Decision(begin=tuple(begin), revise=tuple(revise), extend=tuple(extend), end=tuple(end))


def in_force(
    outcome: Outcome[tuple[RoleContribution, ...]] | None, now: datetime
) -> tuple[RoleContribution, ...]:
    """What was claimed, without what is over already."""
    if not isinstance(outcome, Answered):
        return ()
    return tuple(one for one in outcome.value if one.until is None or one.until > now)


def cannot_be_asked(outcome: Outcome[object] | None, source: str, kept: Collection[str]) -> bool:
    """Whether what a plugin said before stays, although it is not repeated."""
    return source in kept if outcome is None else not isinstance(outcome, Answered)


def another_end(before: datetime | None, after: datetime | None, now: datetime) -> bool:
    """Whether something that is told again ends at a materially different time."""
    if before is None or after is None:
        return before is not after
    return before <= now or abs(after - before) >= MATERIAL_VALIDITY


def materially_differs(confidence: float, evidence: Sequence[Evidence], repeated: RoleContribution) -> bool:
    """Another degree of confidence, or another kind of reason; figures within a reason may drift."""
    if abs(confidence - repeated.confidence) >= MATERIAL_CONFIDENCE:
        return True
    return _kinds_of_reason(evidence) != _kinds_of_reason(repeated.evidence)


def _contribution(
    outcome: Outcome[tuple[RoleContribution, ...]] | None, role: str, now: datetime
) -> RoleContribution | None:
    return next((one for one in in_force(outcome, now) if one.role == role), None)


def _kinds_of_reason(evidence: Sequence[Evidence]) -> set[str]:
    return {kind_of_reason(one.reason) for one in evidence}


def kind_of_reason(reason: str) -> str:
    """A reason without its figures."""
    return _FIGURE.sub("#", reason)
