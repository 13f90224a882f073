"""Slots and variants, managed."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.errors import BadInput
from cdp.graphql.audiences import audience_of, check_audience
from cdp.graphql.context import Context, Info
from cdp.graphql.filters import ProfileFilter
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.graphql.personalisation import moment_of
from cdp.graphql.scalars import JSON
from cdp.graphql.slots import PersonalisationSlot, seen_by
from cdp.model import Cap, Lens, WorkspaceId
from cdp.personalisation import store
from cdp.personalisation.slots import Slot, Variant

USUAL_GOAL_PERIOD = timedelta(days=7)


@strawberry.input(description="A slot, to be made or changed; its variants stay as they are.")
class PersonalisationSlotDefineInput:
    """Input of personalisationSlotDefine."""

    name: str = strawberry.field(description="Its name, by which frontends ask for it.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    holdout: float = strawberry.field(
        default=0.0, description="Share of the people who are shown the fallback, 0 to 1."
    )
    salt: str | None = strawberry.field(
        default=None,
        description="Key of the hashes that deal people to variants; where not given, the one that it has, or a random "
        "one. Another one deals everybody anew. Slots with one salt have one holdout group.",
    )
    fallback: JSON | None = strawberry.field(
        default=None, description="An object: content where there is no candidate; empty where not given."
    )
    goals: list[str] = strawberry.field(
        default_factory=list,
        description="Names of events that count as an outcome, besides `Personalisation Converted`.",
    )
    goal_within: timedelta = strawberry.field(
        default=USUAL_GOAL_PERIOD,
        description="An outcome counts within this period after the first impression.",
    )


@strawberry.type
class _SlotPayload:
    """What mutations answer that change a slot, or one of its variants."""

    slot: PersonalisationSlot | None = strawberry.field(
        default=None, description="The slot as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type(description="What personalisationSlotDefine did.")
class PersonalisationSlotDefinePayload(_SlotPayload):
    """Payload of personalisationSlotDefine."""


@strawberry.type(description="What personalisationVariantSet did.")
class PersonalisationVariantSetPayload(_SlotPayload):
    """Payload of personalisationVariantSet."""


@strawberry.type(description="What personalisationVariantRemove did.")
class PersonalisationVariantRemovePayload(_SlotPayload):
    """Payload of personalisationVariantRemove."""


@strawberry.input(description="A slot to take away, with its variants.")
class PersonalisationSlotRemoveInput:
    """Input of personalisationSlotRemove."""

    name: str = strawberry.field(description="Its name.")


@strawberry.type(description="What personalisationSlotRemove did.")
class PersonalisationSlotRemovePayload:
    """Payload of personalisationSlotRemove."""

    name: str | None = strawberry.field(
        default=None, description="Name of the slot that is gone; null where none is."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.input(description="How often a person may be shown a variant.")
class FrequencyCapInput:
    """A cap, given."""

    times: int = strawberry.field(description="At most so many impressions …")
    within: timedelta = strawberry.field(
        default=timedelta(days=7), description="… within this period, 90 days at most."
    )


@strawberry.input(description="A variant, to be made, or to take the place of the one of its name.")
class PersonalisationVariantSetInput:
    """Input of personalisationVariantSet."""

    slot: str = strawberry.field(description="Name of its slot.")
    name: str = strawberry.field(description="Its name, for the frontend and in reports.")
    content: JSON = strawberry.field(description="An object: content, for the frontend.")
    audience: ProfileFilter | None = strawberry.field(
        default=None, description="What must hold of a person; null: everybody."
    )
    lens: Lens = strawberry.field(
        default=Lens.NONE,
        description="The panel that its content tells of: hidden from who may not see that panel.",
    )
    starts_at: datetime | None = strawberry.field(default=None, description="Not shown before.")
    ends_at: datetime | None = strawberry.field(default=None, description="Not shown from then on.")
    priority: int = strawberry.field(
        default=0, description="Of those who are eligible, the ones with the highest priority take part."
    )
    weight: float = strawberry.field(
        default=1.0, description="Share of the people among those of one priority, in proportion; above 0."
    )
    cap: FrequencyCapInput | None = strawberry.field(
        default=None, description="How often a person may be shown it; null: always."
    )
    paused: bool = strawberry.field(default=False, description="Whether it is not shown for the time being.")


@strawberry.input(description="A variant to take away.")
class PersonalisationVariantRemoveInput:
    """Input of personalisationVariantRemove."""

    slot: str = strawberry.field(description="Name of its slot.")
    name: str = strawberry.field(description="Its name.")


@strawberry.type
class PersonalisationMutations:
    """Mutations of slots and variants."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Make a slot, or say anew what holds for the one of that name.",
        shown=("name", "goals"),
    )
    async def personalisation_slot_define(
        self, info: Info, given: Given[PersonalisationSlotDefineInput]
    ) -> PersonalisationSlotDefinePayload:
        """Define a slot."""
        fallback = _object(given.fallback, "fallback") if given.fallback is not None else {}
        made = secrets.token_hex(8)

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Slot:
            slot = Slot(
                name=given.name,
                salt=given.salt if given.salt is not None else made,
                description=given.description,
                holdout=given.holdout,
                fallback=fallback,
                goals=tuple(given.goals),
                goal_within=given.goal_within,
            )
            return await store.define_slot(
                connection, workspace_id, slot, keep_salt=given.salt is None, now=now
            )

        slot = await change(info.context, work)
        return PersonalisationSlotDefinePayload(slot=await _shown(info.context, slot))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Take a slot away with its variants. What was shown in it stays recorded.",
        shown=("name",),
    )
    async def personalisation_slot_remove(
        self, info: Info, given: Given[PersonalisationSlotRemoveInput]
    ) -> PersonalisationSlotRemovePayload:
        """Remove a slot."""

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> None:
            await store.remove_slot(connection, workspace_id, given.name)

        await change(info.context, work)
        return PersonalisationSlotRemovePayload(name=given.name)

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Make a variant of a slot, or replace the one of that name. It holds within a second.",
        shown=("slot", "name"),
    )
    async def personalisation_variant_set(
        self, info: Info, given: Given[PersonalisationVariantSetInput]
    ) -> PersonalisationVariantSetPayload:
        """Set a variant."""
        context = info.context
        audience: dict[str, Any] | None = audience_of(given.audience)
        if audience is not None:
            check_audience(audience, context.scopes, moment_of(context, await context.workspace()))
        cap = Cap(times=given.cap.times, within=given.cap.within) if given.cap is not None else None
        variant = Variant(
            name=given.name,
            content=_object(given.content, "content"),
            lens=given.lens,
            audience=msgspec.json.encode(audience).decode() if audience is not None else None,
            starts_at=given.starts_at,
            ends_at=given.ends_at,
            priority=given.priority,
            weight=given.weight,
            cap=cap,
            paused=given.paused,
        )

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Slot:
            return await store.set_variant(connection, workspace_id, given.slot, variant, now=now)

        slot = await change(context, work)
        return PersonalisationVariantSetPayload(slot=await _shown(context, slot))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Take a variant away. What was shown of it stays recorded.",
        shown=("slot", "name"),
    )
    async def personalisation_variant_remove(
        self, info: Info, given: Given[PersonalisationVariantRemoveInput]
    ) -> PersonalisationVariantRemovePayload:
        """Remove a variant."""

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> Slot:
            return await store.remove_variant(connection, workspace_id, given.slot, given.name)

        slot = await change(info.context, work)
        return PersonalisationVariantRemovePayload(slot=await _shown(info.context, slot))


async def _shown(context: Context, slot: Slot) -> PersonalisationSlot:
    seen = seen_by(context, [slot], await context.workspace())
    return PersonalisationSlot.of(slot, seen[slot.name])


def _object(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput('This is an object, such as {"headline": "Hello"}.', field=(field,))
    return value
