"""Grounds: single pieces of evidence for a role, and how sure several of them make us together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import prod
from typing import Any

from msgspec import Struct

from cdp.model import Evidence, RoleContribution

SUREST = 0.99
"""Inference is never certain; 1 is for what a person asserts."""


class Ground(Struct, frozen=True, kw_only=True):
    """One reason to believe that somebody holds a role."""

    role: str
    confidence: float
    """How often a role claimed on this ground alone would be right."""
    reason: str
    facts: dict[str, Any] = {}
    since: datetime | None = None
    until: datetime | None = None
    """When time alone makes it weaker; the role is looked at again then."""


def combine(grounds: Iterable[Ground]) -> list[RoleContribution]:
    """One contribution a role: its grounds as evidence, surest first, their confidences as if independent.

    Independent reasons fail together only when each fails: 1 − Π(1 − confidence), at most 0.99.
    """
    by_role: dict[str, list[Ground]] = {}
    for ground in grounds:
        by_role.setdefault(ground.role, []).append(ground)
    contributions = []
    for role, found in by_role.items():
        found.sort(key=lambda ground: -ground.confidence)
        doubt = prod(1 - ground.confidence for ground in found)
        contributions.append(
            RoleContribution(
                role=role,
                confidence=round(min(SUREST, 1 - doubt), 3),
                evidence=tuple(Evidence(reason=ground.reason, facts=ground.facts) for ground in found),
                since=min((ground.since for ground in found if ground.since is not None), default=None),
                until=min((ground.until for ground in found if ground.until is not None), default=None),
            )
        )
    return contributions
