"""What competing claims of one role come to together: documented, deterministic, explained.

Of one role within one membership:

1. What a person says decides. Of two people the later word stands; said at the same time, that it is held. Said for it,
   the role is held with confidence 1; said against it, it is not held, whatever plugins claim.
2. Otherwise it is held if any plugin claims it. Each plugin counts once, and they are taken as independent: they are
   wrong together only when each is, so the confidence is 1 − Π(1 − confidence), rounded to thousandths. It is at most
   0.99: inference is never certain. The surest claim leads; on a tie the source that is first in the alphabet.
3. What has ended, or whose time is over, counts for nothing.

Roles are not alternatives: one person may hold several, and none takes anything from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from math import prod

from msgspec import Struct, structs

from cdp.model import Evidence

SUREST = 0.99
"""Of what is inferred."""
HUMAN = "human:"
"""Before the name of who says something."""


class Said(Struct, frozen=True, kw_only=True):
    """One claim of one role, or a person's word for or against it, past or present."""

    role: str
    source: str
    """The plugin, or `human:<name>`."""
    confidence: float
    """1 for a person's word."""
    evidence: tuple[Evidence, ...]
    since: datetime
    until: datetime | None
    """When it ended, or will; None: it goes on."""
    against: bool = False
    """Whether it says that the role is not held."""
    claim_id: int | None = None
    """Of what a plugin claims."""

    @property
    def human(self) -> bool:
        """Whether a person says it."""
        return self.source.startswith(HUMAN)

    def holds(self, as_of: datetime) -> bool:
        """Whether it is in force."""
        return self.since <= as_of and (self.until is None or self.until > as_of)


class Decided(StrEnum):
    """How it was decided whether a role is held."""

    ASSERTED = "ASSERTED"
    DENIED = "DENIED"
    SINGLE = "SINGLE"
    """One plugin claims it."""
    COMBINED = "COMBINED"
    """Several do."""
    NOBODY = "NOBODY"
    """Nobody claims it now."""


class Part(StrEnum):
    """What became of one claim."""

    DECIDES = "DECIDES"
    ADDS = "ADDS"
    OUTRANKED = "OUTRANKED"
    ENDED = "ENDED"
    PENDING = "PENDING"
    """It has not begun at the time that is looked at."""


class Weighed(Struct, frozen=True, kw_only=True):
    """A claim and what became of it."""

    said: Said
    part: Part


class Verdict(Struct, frozen=True, kw_only=True):
    """What the claims of one role come to."""

    role: str
    held: bool
    confidence: float | None
    """None: it is not held."""
    decided: Decided
    explanation: str
    """A sentence for a person, without evidence."""
    claims: tuple[Weighed, ...]
    """Those that decide first, then those that add, then those that do not count."""


def combine(said: Iterable[Said], *, as_of: datetime) -> tuple[Verdict, ...]:
    """The verdicts on all roles that anything was ever said of: those held first, the surest first."""
    by_role: dict[str, list[Said]] = {}
    for one in said:
        by_role.setdefault(one.role, []).append(one)
    verdicts = [_verdict(role, claims, as_of) for role, claims in by_role.items()]
    return tuple(sorted(verdicts, key=lambda one: (not one.held, -(one.confidence or 0.0), one.role)))


def by_name(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The same for those who may not see what plugins infer roles from: which roles are held, and what people said.

    Left out are the claims of plugins, how sure they are, and roles that only a plugin ever spoke of.
    """
    kept = []
    for one in verdicts:
        words = tuple(claim for claim in one.claims if claim.said.human)
        if not one.held and not words:
            continue
        inferred = one.decided in {Decided.SINGLE, Decided.COMBINED}
        by = words[0].said.source.removeprefix(HUMAN) if words else ""
        explanation = {
            Decided.ASSERTED: f"{by} says so.",
            Decided.DENIED: f"{by} says that it is not held.",
            Decided.NOBODY: "Nobody claims it now.",
        }.get(one.decided, "Plugins claim it.")
        confidence = None if inferred else one.confidence
        kept.append(structs.replace(one, claims=words, confidence=confidence, explanation=explanation))
    return tuple(sorted(kept, key=lambda one: (not one.held, one.role)))


def together(confidences: Iterable[float]) -> float:
    """How sure several independent claims make us."""
    return round(min(SUREST, 1 - prod(1 - confidence for confidence in confidences)), 3)


def _verdict(role: str, claims: Sequence[Said], as_of: datetime) -> Verdict:
    words = sorted((one for one in claims if one.human and one.holds(as_of)), key=_last_word)
    inferred = sorted((one for one in claims if not one.human and one.holds(as_of)), key=_surest)
    if words:
        parts = {id(words[-1]): Part.DECIDES}
        against = words[-1].against
        decided = Decided.DENIED if against else Decided.ASSERTED
        confidence = None if against else 1.0
        explanation = _by_word(words[-1], len(words) + len(inferred) - 1)
    elif inferred:
        parts = {id(one): Part.ADDS for one in inferred} | {id(inferred[0]): Part.DECIDES}
        decided = Decided.SINGLE if len(inferred) == 1 else Decided.COMBINED
        confidence = together(one.confidence for one in inferred)
        explanation = _by_inference(inferred, confidence)
    else:
        parts, decided, confidence = {}, Decided.NOBODY, None
        explanation = "Nobody claims it now."
    weighed = [Weighed(said=one, part=parts.get(id(one)) or _idle(one, as_of)) for one in claims]
    return Verdict(
        role=role,
        held=confidence is not None,
        confidence=confidence,
        decided=decided,
        explanation=explanation,
        claims=tuple(sorted(weighed, key=_order)),
    )


def _by_word(word: Said, others: int) -> str:
    who = word.source.removeprefix(HUMAN)
    says = "says that it is not held" if word.against else "says so"
    return f"{who} {says}; that outranks " + (
        f"{others} other {_claims(others)}." if others else "any plugin."
    )


def _claims(count: int) -> str:
    return "claim" if count == 1 else "claims"


def _by_inference(inferred: Sequence[Said], confidence: float) -> str:
    if len(inferred) == 1:
        return f"{inferred[0].source} claims it, with confidence {confidence:g}."
    doubts = " · ".join(f"(1 − {one.confidence:g})" for one in inferred)
    names = ", ".join(one.source for one in inferred)
    most = " (never more)" if confidence == SUREST else ""
    return f"{names} claim it: 1 − {doubts} = {confidence:g}{most}; {inferred[0].source} leads."


def _idle(one: Said, as_of: datetime) -> Part:
    if one.since > as_of:
        return Part.PENDING
    return Part.OUTRANKED if one.holds(as_of) else Part.ENDED


def _last_word(one: Said) -> tuple[datetime, bool, str]:
    return one.since, not one.against, one.source


def _surest(one: Said) -> tuple[float, str, datetime]:
    return -one.confidence, one.source, one.since


_PLACES = {part: place for place, part in enumerate(Part)}


def _order(one: Weighed) -> tuple[int, float, str, float]:
    return _PLACES[one.part], -one.said.confidence, one.said.source, -one.said.since.timestamp()
