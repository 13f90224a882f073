"""Slots and their variants, as a workspace defines them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from cdp.errors import BadInput, TooLarge
from cdp.hooks.frozen import frozen
from cdp.model import Candidate, Cap, Lens
from cdp.model.personalisation import HEAVIEST, HIGHEST_PRIORITY, LONGEST_CAP, RESERVED

MOST_SLOTS = 200
MOST_VARIANTS = 200
"""Of one slot."""

LARGEST_CONTENT = 32 * 1024
"""Bytes of JSON."""
MOST_IMPRESSIONS = 10_000
LONGEST_GOAL = timedelta(days=90)
LONGEST_NAME = 200
_LONGEST_SALT = 64
_MOST_GOALS = 20
_NAME = re.compile(r"[\w][\w .:/-]*")


class Variant(Struct, frozen=True, kw_only=True, dict=True):
    """A content for the slot, and for whom."""

    name: str
    content: dict[str, Any]
    lens: Lens = Lens.NONE
    """The panel that its content tells of; who may not see that panel does not learn that there is such a variant."""
    audience: str | None = None
    """A ProfileFilter as GraphQL writes it, JSON; None: everybody."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """From then on it is over."""
    priority: int = 0
    weight: float = 1.0
    cap: Cap | None = None
    paused: bool = False

    @cached_property
    def candidate(self) -> Candidate:
        """What takes part in choices; made once, and frozen, as plugins see it with every one of them."""
        return Candidate(
            variant=self.name,
            content=frozen(self.content),
            lens=self.lens,
            reason="In its audience." if self.audience is not None else "For everybody.",
            priority=self.priority,
            weight=self.weight,
            cap=self.cap,
        )


class Slot(Struct, frozen=True, kw_only=True):
    """A place that a frontend wants filled."""

    name: str
    salt: str
    description: str | None = None
    holdout: float = 0.0
    """Share of the people who are shown the fallback, 0 to 1."""
    fallback: dict[str, Any] = {}
    goals: tuple[str, ...] = ()
    """Names of events that count as an outcome, besides the explicit one."""
    goal_within: timedelta = timedelta(days=7)
    """After the first impression."""
    variants: tuple[Variant, ...] = ()
    defined: bool = True
    """Whether the workspace has it; any other slot is filled by plugins alone."""

    @classmethod
    def undefined(cls, name: str) -> Slot:
        """A slot that the workspace has not defined."""
        return cls(name=name, salt=name[:_LONGEST_SALT], defined=False)


def checked_slot(slot: Slot) -> Slot:
    """The slot, if it can be kept.

    Raises:
        BadInput: a value cannot be used; `field` says which.
    """
    check_name(slot.name, "name")
    if not 0 < len(slot.salt.encode()) <= _LONGEST_SALT:
        raise BadInput(f"A salt has 1 to {_LONGEST_SALT} bytes.", field=("salt",))
    if slot.description is not None and len(slot.description) > 1_000:
        raise BadInput("A description has at most 1,000 characters.", field=("description",))
    if not (math.isfinite(slot.holdout) and 0 <= slot.holdout <= 1):
        raise BadInput("A holdout is a share, from 0 to 1.", field=("holdout",))
    if len(slot.goals) > _MOST_GOALS or not all(0 < len(goal) <= LONGEST_NAME for goal in slot.goals):
        raise BadInput(f"There may be {_MOST_GOALS} goals, each the name of an event.", field=("goals",))
    if not timedelta(0) < slot.goal_within <= LONGEST_GOAL:
        raise BadInput(f"A goal counts within up to {LONGEST_GOAL.days} days.", field=("goalWithin",))
    _check_json(slot.fallback, "fallback")
    return slot


def checked_variant(variant: Variant) -> Variant:
    """The variant, if it can be kept; its audience is for those to check who can read filters.

    Raises:
        BadInput: a value cannot be used; `field` says which.
    """
    check_name(variant.name, "name")
    if variant.name.casefold() in RESERVED:
        raise BadInput(
            f"{variant.name!r} is what reports call something else; choose another name.", field=("name",)
        )
    if not abs(variant.priority) <= HIGHEST_PRIORITY:
        raise BadInput(f"A priority is at most {HIGHEST_PRIORITY:,}.", field=("priority",))
    if not (math.isfinite(variant.weight) and 0 < variant.weight <= HEAVIEST):
        raise BadInput(f"A weight is above 0 and at most {HEAVIEST:,.0f}.", field=("weight",))
    if variant.starts_at is not None and variant.ends_at is not None and variant.ends_at <= variant.starts_at:
        raise BadInput("It would end before it starts.", field=("endsAt",))
    if variant.cap is not None:
        problem = cap_problem(variant.cap)
        if problem is not None:
            raise BadInput(problem, field=("cap",))
    _check_json(variant.content, "content")
    return variant


def cap_problem(cap: Cap) -> str | None:
    """Why a cap cannot be used; None: it can."""
    if not 0 < cap.times <= MOST_IMPRESSIONS:
        return f"A cap allows 1 to {MOST_IMPRESSIONS:,} impressions."
    if not timedelta(seconds=1) <= cap.within <= LONGEST_CAP:
        return f"A cap counts within 1 second to {LONGEST_CAP.days} days."
    return None


def check_name(name: str, field: str) -> None:
    """Do nothing if a slot or a variant can be called so.

    Raises:
        BadInput: it cannot.
    """
    if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise BadInput(
            f"A name has 1 to {LONGEST_NAME} letters, digits, spaces and . : / - _, and begins with a letter, "
            "a digit or _.",
            field=(field,),
        )


def _check_json(value: dict[str, Any], field: str) -> None:
    try:
        text = msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadInput(f"It cannot be written as JSON in UTF-8: {error}.", field=(field,)) from None
    if b"\\u0000" in text:
        raise BadInput("It holds the character U+0000, which cannot be stored.", field=(field,))
    if len(text) > LARGEST_CONTENT:
        raise TooLarge(f"It has {len(text):,} bytes, more than {LARGEST_CONTENT:,}.", field=(field,))
