"""The decision: of candidates, each with how it stands, the one that a person is shown. Values in, a value out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cdp.model import Candidate, Lens, ProfileId
from cdp.model.personalisation import FALLBACK, HOLDOUT
from cdp.personalisation.assignment import assign, held_out
from cdp.personalisation.slots import Slot, Variant


class Outcome(StrEnum):
    """How a slot came to be filled."""

    ASSIGNED = "ASSIGNED"
    """By the hash, among the eligible candidates of the highest priority."""
    CHOSEN = "CHOSEN"
    """By a plugin."""
    HOLDOUT = "HOLDOUT"
    """The person is in the holdout group and is shown the fallback."""
    FALLBACK = "FALLBACK"
    """No candidate is eligible."""
    NO_CONSENT = "NO_CONSENT"
    """The person's data may not be used for this; nothing about them was looked at."""


class Standing(StrEnum):
    """How a candidate stands."""

    SHOWN = "SHOWN"
    WITHHELD = "WITHHELD"
    """It would have been shown, were the person not in the holdout group."""
    NOT_ASSIGNED = "NOT_ASSIGNED"
    """Eligible; the hash gave the person another one."""
    OUTRANKED = "OUTRANKED"
    """Eligible; another one has a higher priority."""
    NOT_CHOSEN = "NOT_CHOSEN"
    """Eligible; a plugin chose another one."""
    PAUSED = "PAUSED"
    NOT_YET = "NOT_YET"
    OVER = "OVER"
    OUTSIDE_AUDIENCE = "OUTSIDE_AUDIENCE"
    CAPPED = "CAPPED"
    NAME_TAKEN = "NAME_TAKEN"
    """Another candidate has the same name."""
    UNREADABLE = "UNREADABLE"
    """Its audience is no filter of this version."""


ELIGIBLE = frozenset(
    {
        Standing.SHOWN,
        Standing.WITHHELD,
        Standing.NOT_ASSIGNED,
        Standing.OUTRANKED,
        Standing.NOT_CHOSEN,
    }
)


class Considered(Struct, frozen=True, kw_only=True):
    """A candidate, whose it is, and how it stands."""

    candidate: Candidate
    plugin: str | None = None
    """None: a variant of the workspace."""
    standing: Standing = Standing.NOT_ASSIGNED
    reason: str = ""

    @property
    def eligible(self) -> bool:
        """Whether it could be shown to the person."""
        return self.standing in ELIGIBLE


class Decision(Struct, frozen=True, kw_only=True):
    """What a person is shown in a slot, and why."""

    slot: str
    outcome: Outcome
    variant: str
    """Name of what is shown; FALLBACK or HOLDOUT where that is the fallback."""
    content: dict[str, Any]
    lens: Lens
    reason: str
    plugin: str | None = None
    withheld: str | None = None
    """What the person would be shown, were they not in the holdout group."""
    considered: tuple[Considered, ...] = ()
    consent: str | None = None
    """What was said when consent was asked for."""


def of_variant(variant: Variant, as_of: datetime, *, inside: bool | None) -> Considered:
    """A variant of the workspace, before caps are looked at.

    Args:
        variant: which.
        as_of: the moment of the choice.
        inside: whether the person is in its audience; None: its audience cannot be read.
    """
    candidate = variant.candidate
    standing, reason = Standing.NOT_ASSIGNED, candidate.reason
    if variant.paused:
        standing, reason = Standing.PAUSED, "It is paused."
    elif variant.starts_at is not None and as_of < variant.starts_at:
        standing, reason = Standing.NOT_YET, f"It starts at {variant.starts_at.isoformat()}."
    elif variant.ends_at is not None and as_of >= variant.ends_at:
        standing, reason = Standing.OVER, f"It ended at {variant.ends_at.isoformat()}."
    elif inside is None:
        standing, reason = (
            Standing.UNREADABLE,
            "Its audience is no filter that this version knows; set it anew.",
        )
    elif not inside:
        standing, reason = Standing.OUTSIDE_AUDIENCE, "The person is not in its audience."
    return Considered(candidate=candidate, standing=standing, reason=reason)


def capped(one: Considered, shown: Sequence[datetime], as_of: datetime) -> Considered:
    """The same, unless its cap is reached: `shown` are the times of its impressions."""
    cap = one.candidate.cap
    if cap is None or not one.eligible:
        return one
    times = sum(as_of - cap.within < at for at in shown)
    if times < cap.times:
        return one
    return replace(
        one,
        standing=Standing.CAPPED,
        reason=f"Shown {_times(times)} within {_period(cap.within)}; the cap is {cap.times}.",
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _period(period: timedelta) -> str:
    seconds = round(period.total_seconds())
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % length == 0:
            number = seconds // length
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds} seconds"


def without_doubles(considered: Sequence[Considered]) -> tuple[Considered, ...]:
    """The same, with one eligible candidate a name: the first."""
    taken: set[str] = set()
    kept: list[Considered] = []
    for one in considered:
        if one.candidate.variant in taken:
            one = replace(  # noqa: PLW2901
                one, standing=Standing.NAME_TAKEN, reason="Another candidate has its name."
            )
        taken.add(one.candidate.variant)
        kept.append(one)
    return tuple(kept)


def eligible_first(considered: Sequence[Considered]) -> tuple[Candidate, ...]:
    """What plugins may choose from: highest priority first, then by name."""
    return tuple(
        sorted(
            (one.candidate for one in considered if one.eligible),
            key=lambda candidate: (-candidate.priority, candidate.variant),
        )
    )


def no_consent(slot: Slot, said: str) -> Decision:
    """The decision for a person whose data may not be used."""
    return _fallback(slot, Outcome.NO_CONSENT, said, (), said)


def decide(
    slot: Slot,
    profile_id: ProfileId,
    considered: Sequence[Considered],
    *,
    chosen: str | None = None,
    consent: str | None = None,
) -> Decision:
    """What the person is shown.

    Args:
        slot: to fill.
        profile_id: whom.
        considered: every candidate, with one eligible a name.
        chosen: the name of the eligible candidate that a plugin chose; None: none did.
        consent: what was said when consent was asked for.
    """
    eligible = {one.candidate.variant: one.candidate for one in considered if one.eligible}
    if not eligible:
        return _fallback(slot, Outcome.FALLBACK, "No candidate is eligible.", considered, consent)
    if chosen is not None:
        winner, others, why = chosen, Standing.NOT_CHOSEN, "A plugin chose another one."
    else:
        highest = max(candidate.priority for candidate in eligible.values())
        weights = {
            name: candidate.weight for name, candidate in eligible.items() if candidate.priority == highest
        }
        winner = assign(slot.salt, profile_id, weights)
        others, why = Standing.NOT_ASSIGNED, "The person is assigned to another one."
    withheld = held_out(slot.salt, profile_id, slot.holdout)
    settled = _settled(considered, eligible, winner, others=(others, why), withheld=withheld)
    if withheld:
        return _fallback(
            slot,
            Outcome.HOLDOUT,
            f"In the holdout group, {slot.holdout:.0%} of all people; {winner} is withheld.",
            settled,
            consent,
            variant=HOLDOUT,
            withheld=winner,
        )
    (shown,) = (one for one in settled if one.standing is Standing.SHOWN)
    return Decision(
        slot=slot.name,
        outcome=Outcome.CHOSEN if chosen is not None else Outcome.ASSIGNED,
        variant=winner,
        content=shown.candidate.content,
        lens=shown.candidate.lens,
        reason=shown.candidate.reason,
        plugin=shown.plugin,
        considered=settled,
        consent=consent,
    )


def _settled(
    considered: Sequence[Considered],
    eligible: Mapping[str, Candidate],
    winner: str,
    *,
    others: tuple[Standing, str],
    withheld: bool,
) -> tuple[Considered, ...]:
    highest = max(candidate.priority for candidate in eligible.values())
    settled = []
    for one in considered:
        if not one.eligible:
            settled.append(one)
            continue
        standing, reason = others
        if one.candidate.variant == winner:
            standing = Standing.WITHHELD if withheld else Standing.SHOWN
            reason = one.candidate.reason
        elif standing is Standing.NOT_ASSIGNED and one.candidate.priority < highest:
            standing, reason = Standing.OUTRANKED, "Another one has a higher priority."
        settled.append(replace(one, standing=standing, reason=reason))
    return tuple(settled)


def _fallback(
    slot: Slot,
    outcome: Outcome,
    reason: str,
    considered: Sequence[Considered],
    consent: str | None,
    *,
    variant: str = FALLBACK,
    withheld: str | None = None,
) -> Decision:
    return Decision(
        slot=slot.name,
        outcome=outcome,
        variant=variant,
        content=slot.fallback,
        lens=Lens.NONE,
        reason=reason,
        withheld=withheld,
        considered=tuple(considered),
        consent=consent,
    )
