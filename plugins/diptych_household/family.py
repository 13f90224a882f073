"""Who is who in a household, by what they say, how old they are, and what they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from math import prod
from typing import Any

from msgspec import Struct

from cdp.model import Evidence, MembershipFacts, RoleContribution

PARENT = "PARENT"
CHILD = "CHILD"

SAYS = ("household_role", "family_role", "relationship")
BORN = ("birthday", "birthdate", "birth_date", "date_of_birth")
WORDS: Mapping[str, str] = {
    **dict.fromkeys(("parent", "mother", "father", "mum", "mom", "dad", "guardian"), PARENT),
    **dict.fromkeys(("child", "kid", "son", "daughter", "teenager"), CHILD),
}
SUREST = 0.99
"""Inference is never certain."""


class Ground(Struct, frozen=True, kw_only=True):
    """One reason."""

    role: str
    confidence: float
    reason: str
    facts: dict[str, Any] = {}
    until: datetime | None = None


def claims(facts: MembershipFacts, *, adult_age: int) -> list[RoleContribution]:
    """One contribution a role; of several ends the earliest, for then it is to be looked at again."""
    found: dict[str, list[Ground]] = {}
    for ground in _grounds(facts, adult_age):
        found.setdefault(ground.role, []).append(ground)
    return [
        RoleContribution(
            role=role,
            confidence=round(min(SUREST, 1 - prod(1 - one.confidence for one in grounds)), 3),
            evidence=tuple(Evidence(reason=one.reason, facts=one.facts) for one in grounds),
            until=min((one.until for one in grounds if one.until is not None), default=None),
        )
        for role, grounds in found.items()
    ]


def _grounds(facts: MembershipFacts, adult_age: int) -> Iterator[Ground]:
    born = _born(facts.profile.traits)
    of_age_at = None if born is None else _birthday(born, adult_age)
    minor = of_age_at is not None and of_age_at > facts.as_of
    yield from _said(facts.profile.traits)
    if of_age_at is not None and minor:
        yield Ground(
            role=CHILD,
            confidence=0.9,
            reason=f"is under {adult_age}",
            # Not the date itself: it would say who it is.
            facts={"under": adult_age},
            until=of_age_at,
        )
    paid = facts.intent.purchase_count
    assert facts.account is not None
    days = len(facts.usage.used_days)
    if paid > 0 and facts.account.member_count > 1 and not minor:
        yield Ground(
            role=PARENT,
            confidence=0.6 if days else 0.75,
            reason=f"pays for a household of {facts.account.member_count}"
            + ("" if days else ", and does not use it"),
            facts={"purchases": paid, "members": facts.account.member_count},
        )
    if paid == 0 and facts.account.purchase_count > 0 and days > 0 and (of_age_at is None or minor):
        yield Ground(
            role=CHILD,
            confidence=0.5,
            reason="uses what others of the household paid for",
            facts={"days": days, "purchases_of_others": facts.account.purchase_count},
            until=of_age_at,
        )


def _said(traits: Mapping[str, Any]) -> Iterator[Ground]:
    for key in SAYS:
        value = traits.get(key)
        role = WORDS.get(value.strip().casefold()) if isinstance(value, str) else None
        if role is not None:
            yield Ground(
                role=role,
                confidence=0.95,
                reason=f"is called {str(value).strip().casefold()!r}",
                facts={"trait": key},
            )
            return


def _born(traits: Mapping[str, Any]) -> date | None:
    for key in BORN:
        value = traits.get(key)
        if isinstance(value, str):
            try:
                return date.fromisoformat(value.strip()[:10])
            except ValueError:
                continue
    return None


def _birthday(born: date, age: int) -> datetime | None:
    """When somebody has so many years; who was born on a leap day, on the first of March."""
    year = born.year + age
    if year > date.max.year:
        return None
    leap = born.month == 2 and born.day == 29 and not _is_leap(year)
    day = date(year, 3, 1) if leap else born.replace(year=year)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
