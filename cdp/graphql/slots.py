"""Slots and variants as GraphQL shows them, and the report of what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry
from msgspec import json

from cdp.access.scopes import Scope
from cdp.errors import BadInput, NotFound
from cdp.graphql.audiences import filter_type
from cdp.graphql.context import Context, Info
from cdp.graphql.labelled import needs
from cdp.graphql.scalars import JSON
from cdp.model import Lens, Workspace
from cdp.personalisation.gather import HIDDEN
from cdp.personalisation.lift import Lift, Share
from cdp.personalisation.report import Arm, report
from cdp.personalisation.slots import Slot, Variant

USUAL_PERIOD = timedelta(days=28)
LONGEST_PERIOD = timedelta(days=400)


@strawberry.type(description="How often a person may be shown a variant.")
class FrequencyCap:
    """A cap."""

    times: int = strawberry.field(description="At most so many impressions …")
    within: timedelta = strawberry.field(
        description="… within this period, back from the moment of the choice."
    )


@strawberry.type(description="A content for a slot, and for whom.")
class PersonalisationVariant:
    """A variant."""

    name: str = strawberry.field(description="Its name, for the frontend and in reports.")
    audience: JSON | None = strawberry.field(description="A ProfileFilter, as JSON; null: everybody.")
    lens: Lens = strawberry.field(description="The panel that its content tells of.")
    starts_at: datetime | None = strawberry.field(description="Not shown before; null: shown at once.")
    ends_at: datetime | None = strawberry.field(description="Not shown from then on; null: never ends.")
    priority: int = strawberry.field(description="Those with the highest priority take part.")
    weight: float = strawberry.field(description="Its share of the people, in proportion.")
    cap: FrequencyCap | None = strawberry.field(
        description="How often a person may be shown it; null: always."
    )
    content: JSON = strawberry.field(description="Content, for the frontend.")
    paused: bool = strawberry.field(description="Whether it is not shown for the time being.")

    @classmethod
    def of(cls, variant: Variant) -> PersonalisationVariant:
        """As GraphQL shows it."""
        cap = variant.cap
        return cls(
            name=variant.name,
            audience=JSON(json.decode(variant.audience)) if variant.audience is not None else None,
            lens=variant.lens,
            starts_at=variant.starts_at,
            ends_at=variant.ends_at,
            priority=variant.priority,
            weight=variant.weight,
            cap=FrequencyCap(times=cap.times, within=cap.within) if cap is not None else None,
            content=JSON(variant.content),
            paused=variant.paused,
        )


@strawberry.type(description="A place that a frontend wants filled.")
class PersonalisationSlot:
    """A slot."""

    name: str = strawberry.field(description="Its name, by which frontends ask for it.")
    description: str | None = strawberry.field(description="What it is for.")
    holdout: float = strawberry.field(
        description="Share of the people who are shown the fallback, so that the others can be compared with them."
    )
    salt: str = strawberry.field(
        description="Key of the hashes that deal people to variants. Slots with one salt have one holdout group."
    )
    fallback: JSON = strawberry.field(description="Content where there is no candidate.")
    goals: list[str] = strawberry.field(
        description="Names of events that count as an outcome, besides `Personalisation Converted`."
    )
    goal_within: timedelta = strawberry.field(
        description="An outcome counts within this period after the first impression."
    )
    variants: list[PersonalisationVariant] = strawberry.field(
        description="Its variants, by name, without those that tell of what the caller may not see."
    )

    @classmethod
    def of(cls, slot: Slot, variants: Sequence[Variant]) -> PersonalisationSlot:
        """As GraphQL shows it to one who may see these variants."""
        return cls(
            name=slot.name,
            description=slot.description,
            holdout=slot.holdout,
            salt=slot.salt,
            fallback=JSON(slot.fallback),
            goals=list(slot.goals),
            goal_within=slot.goal_within,
            variants=[PersonalisationVariant.of(variant) for variant in variants],
        )


@strawberry.type(description="How many of how many, with Wilson's score interval of 95 %.")
class ConversionShare:
    """A share."""

    people: int = strawberry.field(description="How many there are.")
    converted: int = strawberry.field(description="How many of them did what the slot is for.")
    rate: float = strawberry.field(description="The share.")
    lower: float = strawberry.field(description="Lower end of its interval.")
    upper: float = strawberry.field(description="Upper end of its interval.")

    @classmethod
    def of(cls, share: Share) -> ConversionShare:
        """As GraphQL shows it."""
        return cls(
            people=share.of, converted=share.count, rate=share.rate, lower=share.lower, upper=share.upper
        )


@strawberry.type(description="What a variant changed, with Newcombe's hybrid score interval of 95 %.")
class ConversionLift:
    """A difference of two shares."""

    difference: float = strawberry.field(description="The variant's share minus the control's.")
    lower: float = strawberry.field(description="Lower end of its interval.")
    upper: float = strawberry.field(description="Upper end of its interval.")
    relative: float | None = strawberry.field(
        description="The difference as a share of the control's; null where that is 0."
    )

    @classmethod
    def of(cls, lift: Lift) -> ConversionLift:
        """As GraphQL shows it."""
        return cls(difference=lift.difference, lower=lift.lower, upper=lift.upper, relative=lift.relative)


@strawberry.type(description="One variant in a report.")
class PersonalisationArm:
    """One line of a report."""

    variant: str = strawberry.field(description="Its name.")
    impressions: int = strawberry.field(description="How often it was shown.")
    treated: ConversionShare | None = strawberry.field(
        description="Those whom it was the first variant for; null: nobody."
    )
    control: ConversionShare | None = strawberry.field(
        description="Those whom it is compared with: of the holdout group, those who would have been shown it."
    )
    lift: ConversionLift | None = strawberry.field(
        description="What it changed; null where one of the two has nobody."
    )

    @classmethod
    def of(cls, arm: Arm) -> PersonalisationArm:
        """As GraphQL shows it."""
        return cls(
            variant=arm.variant,
            impressions=arm.impressions,
            treated=ConversionShare.of(arm.treated) if arm.treated is not None else None,
            control=ConversionShare.of(arm.control) if arm.control is not None else None,
            lift=ConversionLift.of(arm.lift) if arm.lift is not None else None,
        )


@strawberry.type(description="What came of what people were shown in a slot.")
class PersonalisationReport:
    """A report."""

    slot: str = strawberry.field(description="The slot.")
    since: datetime = strawberry.field(description="Impressions from then on …")
    until: datetime = strawberry.field(description="… and before this.")
    arms: list[PersonalisationArm] = strawberry.field(
        description="Every variant that was shown or withheld in the period."
    )


def seen_by(context: Context, slots: Sequence[Slot], workspace: Workspace) -> Mapping[str, list[Variant]]:
    """The variants of each slot that the caller may know of: made from panels, for audiences, that they may see."""
    filtered = [
        (slot.name, variant) for slot in slots for variant in slot.variants if variant.audience is not None
    ]
    found = context.reading.audiences.statement(
        [variant for _, variant in filtered], context.scopes, filter_type()
    )
    closed = found.closed(workspace.trait_classes, context.scopes)
    hidden = {
        (slot, variant.name)
        for (slot, variant), column in zip(filtered, found.columns, strict=True)
        if column == HIDDEN or (variant.audience or "{}") in closed
    }
    needs = {Lens.INTENT: Scope.INTENT_READ, Lens.USAGE: Scope.USAGE_READ}
    return {
        slot.name: [
            variant
            for variant in slot.variants
            if (slot.name, variant.name) not in hidden
            and (variant.lens is Lens.NONE or needs[variant.lens] in context.scopes)
        ]
        for slot in slots
    }


@strawberry.type
class SlotQuery:
    """Fields of Query about slots."""

    @strawberry.field(
        description="The workspace's slots, by name.",
        metadata=needs(Scope.PROFILES_READ),
    )
    async def personalisation_slots(
        self,
        info: Info,
        name: Annotated[str | None, strawberry.argument(description="Only the slot of this name.")] = None,
    ) -> list[PersonalisationSlot] | None:
        """Anyone who may read profiles may see where people are shown what, as far as they may see why."""
        context = info.context
        workspace = await context.workspace()
        async with context.connection() as connection:
            slots = await context.services.slots.get(connection, workspace)
        wanted = [slot for slot in slots.values() if name is None or slot.name == name]
        seen = seen_by(context, wanted, workspace)
        return [PersonalisationSlot.of(slot, seen[slot.name]) for slot in wanted]

    @strawberry.field(
        description="What came of what people were shown in a slot: for each variant how many did what the slot is "
        "for, against those from whom it was withheld. Needs both panels: outcomes are of either.",
        metadata=needs(Scope.PROFILES_READ, Scope.INTENT_READ, Scope.USAGE_READ),
    )
    async def personalisation_report(
        self,
        info: Info,
        slot: Annotated[str, strawberry.argument(description="Name of the slot.")],
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Impressions from then on; 28 days before `until` where not given."
            ),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(description="Impressions before this; now where not given.")
        ] = None,
        control: Annotated[
            str | None,
            strawberry.argument(
                description="A variant to compare the others with, in place of the holdout group."
            ),
        ] = None,
    ) -> PersonalisationReport | None:
        """Both panels are needed."""
        context = info.context
        end = until or context.as_of
        # The calendar begins somewhere.
        begin = since or end - min(USUAL_PERIOD, end - datetime.min.replace(tzinfo=UTC))
        if not timedelta(0) < end - begin <= LONGEST_PERIOD:
            raise BadInput(f"A report is of at most {LONGEST_PERIOD.days} days, and `since` before `until`.")
        async with context.connection() as connection:
            slots = await context.services.slots.get(connection, await context.workspace())
            if slot not in slots:
                raise NotFound(f"There is no slot {slot!r}; define it first.")
            arms = await report(
                connection, context.workspace_id, slots[slot], since=begin, until=end, control=control
            )
        return PersonalisationReport(
            slot=slot, since=begin, until=end, arms=[PersonalisationArm.of(arm) for arm in arms]
        )
