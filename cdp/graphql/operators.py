"""Operators of filters, per type. Texts are compared without regard to case by all but `eq`, `ne`, `in`, `notIn`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import strawberry
from strawberry.scalars import ID, JSON
from strawberry.types.unset import UNSET

from cdp.graphql.words import Alignment
from cdp.model import AccountKind, IntentLevel, Stage, UsagePhase


def operator(description: str, name: str | None = None) -> Any:
    """A field of an operator input; it may be left out, and takes no null."""
    return strawberry.field(description=description, name=name, default=UNSET)


@strawberry.input(description="Operators on a text; all that are given must hold.")
class TextFilter:
    """Of texts."""

    eq: str | None = operator("It is exactly this.")
    ne: str | None = operator("It is not this, or missing.")
    in_: list[str] | None = operator("It is one of these.", "in")
    not_in: list[str] | None = operator("It is none of these, or missing.")
    contains: str | None = operator("It has this in it, in any case.")
    starts_with: str | None = operator("It begins with this, in any case.")
    ends_with: str | None = operator("It ends with this, in any case.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on a moment; all that are given must hold.")
class DateTimeFilter:
    """Of moments."""

    gt: datetime | None = operator("It is later.")
    gte: datetime | None = operator("It is later, or then.")
    lt: datetime | None = operator("It is earlier.")
    lte: datetime | None = operator("It is earlier, or then.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on a whole number; all that are given must hold.")
class IntFilter:
    """Of whole numbers."""

    eq: int | None = operator("It is this.")
    ne: int | None = operator("It is not this, or missing.")
    in_: list[int] | None = operator("It is one of these.", "in")
    gt: int | None = operator("It is greater.")
    gte: int | None = operator("It is greater or equal.")
    lt: int | None = operator("It is less.")
    lte: int | None = operator("It is less or equal.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on a measured number; all that are given must hold.")
class RangeFilter:
    """Of measured numbers, which are never compared for equality."""

    gt: float | None = operator("It is greater.")
    gte: float | None = operator("It is greater or equal.")
    lt: float | None = operator("It is less.")
    lte: float | None = operator("It is less or equal.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on an exact decimal number; all that are given must hold.")
class DecimalFilter:
    """Of exact numbers."""

    eq: Decimal | None = operator("It is this.")
    ne: Decimal | None = operator("It is not this, or missing.")
    gt: Decimal | None = operator("It is greater.")
    gte: Decimal | None = operator("It is greater or equal.")
    lt: Decimal | None = operator("It is less.")
    lte: Decimal | None = operator("It is less or equal.")


@strawberry.input(description="Operators on a day; all that are given must hold.")
class DateFilter:
    """Of days."""

    eq: date | None = operator("It is this.")
    gt: date | None = operator("It is later.")
    gte: date | None = operator("It is later, or this.")
    lt: date | None = operator("It is earlier.")
    lte: date | None = operator("It is earlier, or this.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on a length of time; all that are given must hold.")
class DurationFilter:
    """Of lengths of time."""

    gt: timedelta | None = operator("It is longer.")
    gte: timedelta | None = operator("It is longer, or this.")
    lt: timedelta | None = operator("It is shorter.")
    lte: timedelta | None = operator("It is shorter, or this.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on an id; the id of what went into another one finds that.")
class IdFilter:
    """Of ids."""

    eq: ID | None = operator("It is this.")
    in_: list[ID] | None = operator("It is one of these.", "in")


@strawberry.input(description="Operators on the level of intent; all that are given must hold.")
class IntentLevelFilter:
    """Of levels."""

    eq: IntentLevel | None = operator("It is this.")
    ne: IntentLevel | None = operator("It is not this.")
    in_: list[IntentLevel] | None = operator("It is one of these.", "in")


@strawberry.input(
    description="Operators on a stage of the buying journey; stages are ordered, AWARENESS is least."
)
class StageFilter:
    """Of stages."""

    eq: Stage | None = operator("It is this.")
    ne: Stage | None = operator("It is not this, or missing.")
    in_: list[Stage] | None = operator("It is one of these.", "in")
    gt: Stage | None = operator("It is a later one.")
    gte: Stage | None = operator("It is this or a later one.")
    lt: Stage | None = operator("It is an earlier one.")
    lte: Stage | None = operator("It is this or an earlier one.")
    exists: bool | None = operator("Whether there is one.")


@strawberry.input(description="Operators on the phase of usage; all that are given must hold.")
class PhaseFilter:
    """Of phases."""

    eq: UsagePhase | None = operator("It is this.")
    ne: UsagePhase | None = operator("It is not this.")
    in_: list[UsagePhase] | None = operator("It is one of these.", "in")


@strawberry.input(description="Operators on the kind of an account; all that are given must hold.")
class AccountKindFilter:
    """Of kinds of accounts."""

    eq: AccountKind | None = operator("It is this.")
    ne: AccountKind | None = operator("It is not this.")
    in_: list[AccountKind] | None = operator("It is one of these.", "in")


@strawberry.input(description="Operators on the alignment of an account; all that are given must hold.")
class AlignmentFilter:
    """Of alignments."""

    eq: Alignment | None = operator("It is this.")
    ne: Alignment | None = operator("It is not this.")
    in_: list[Alignment] | None = operator("It is one of these.", "in")


@strawberry.input(description="Operators on yes or no.")
class BooleanFilter:
    """Of truths."""

    eq: bool | None = operator("It is this.")


@strawberry.input(
    description="Operators on one trait; all that are given must hold. With none, the trait must exist."
)
class TraitFilter:
    """Of a value inside the traits."""

    path: str = strawberry.field(description="Path of the trait, such as `plan` or `plan.name`.")
    eq: JSON | None = operator("It is this JSON value.")
    ne: JSON | None = operator("It is not this JSON value, or missing.")
    in_: list[JSON] | None = operator("It is one of these JSON values.", "in")
    not_in: list[JSON] | None = operator("It is none of these JSON values, or missing.")
    gt: float | None = operator("It is a greater number.")
    gte: float | None = operator("It is a greater number, or this.")
    lt: float | None = operator("It is a lesser number.")
    lte: float | None = operator("It is a lesser number, or this.")
    after: datetime | None = operator("It is a later moment, written as a text in ISO 8601.")
    before: datetime | None = operator("It is an earlier moment, written as a text in ISO 8601.")
    contains: str | None = operator("Its text, or the text of its JSON, has this in it, in any case.")
    starts_with: str | None = operator("Its text, or the text of its JSON, begins with this, in any case.")
    ends_with: str | None = operator("Its text, or the text of its JSON, ends with this, in any case.")
    exists: bool | None = operator("Whether there is one.")
