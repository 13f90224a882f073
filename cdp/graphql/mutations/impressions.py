"""What people were shown, and did: recorded."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec
import strawberry

from cdp.access.scopes import Scope
from cdp.errors import BadInput
from cdp.graphql.context import Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.ingest.decode import decode_batch, unpack
from cdp.ingest.proving import Page
from cdp.model.personalisation import HOLDOUT
from cdp.personalisation.slots import check_name
from cdp.personalisation.tracking import CONVERTED, SHOWN


@strawberry.enum(description="What there is to record of a slot.")
class PersonalisationEvent(Enum):
    """Kinds of record."""

    SHOWN = strawberry.enum_value(
        "SHOWN", description="The person has seen it: an event `Personalisation Shown`."
    )
    CONVERTED = strawberry.enum_value(
        "CONVERTED",
        description="The person did what the slot is for: an event `Personalisation Converted`.",
    )


@strawberry.input(description="That a person has seen a variant, or did what it is for.")
class PersonalisationRecordInput:
    """Input of personalisationRecord."""

    user_id: str | None = strawberry.field(default=None, description="Your own id of the person.")
    anonymous_id: str | None = strawberry.field(
        default=None, description="Id of a visitor who is not known; one of the two is required."
    )
    slot: str = strawberry.field(description="Name of the slot.")
    variant: str = strawberry.field(
        description="Name of the variant, `fallback` and `holdout` included, as `personalisation` said it."
    )
    withheld: str | None = strawberry.field(
        default=None, description="Of `holdout`: the variant that was withheld, as `tracking` said it."
    )
    event: PersonalisationEvent = strawberry.field(
        default=PersonalisationEvent.SHOWN, description="What there is to record."
    )
    message_id: str | None = strawberry.field(
        default=None, description="Id that counts once; made here where not given."
    )
    timestamp: datetime | None = strawberry.field(default=None, description="When it was; now if absent.")


@strawberry.type(description="What personalisationRecord did.")
class PersonalisationRecordPayload:
    """Payload of personalisationRecord."""

    message_id: str | None = strawberry.field(
        default=None, description="Message id of the event that is stored now; null where none is."
    )
    duplicate: bool = strawberry.field(
        default=False, description="Whether an event of that id was stored before."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was recorded; empty where it was."
    )


@strawberry.type
class ImpressionMutations:
    """Mutations of impressions and outcomes."""

    @mutation(
        Scope.EVENTS_WRITE,
        "Record that a person has seen what a slot was filled with, or did what it is for: the event that a tracking "
        "client would send, through the same intake.",
        acts=False,
    )
    async def personalisation_record(
        self, info: Info, given: Given[PersonalisationRecordInput]
    ) -> PersonalisationRecordPayload:
        """Record an impression or an outcome."""
        context, services = info.context, info.context.services
        for name, field in ((given.slot, "slot"), (given.variant, "variant"), (given.withheld, "withheld")):
            if name is not None:
                check_name(name, field)
        if (given.withheld is not None) != (given.variant == HOLDOUT):
            raise BadInput(
                f"`withheld` goes with the variant `{HOLDOUT}`, and only with it.", field=("withheld",)
            )
        properties = {"slot": given.slot, "variant": given.variant}
        if given.withheld is not None:
            properties["withheld"] = given.withheld
        item = {
            "type": "track",
            "userId": given.user_id,
            "anonymousId": given.anonymous_id,
            "event": SHOWN if given.event is PersonalisationEvent.SHOWN else CONVERTED,
            "properties": properties,
            "messageId": given.message_id,
            "timestamp": given.timestamp,
        }
        batch = decode_batch(unpack(msgspec.json.encode({"batch": [item]})))
        limits = (await services.workspaces.get(context.workspace_id)).limits
        services.rates.events(context.caller, limits, 1, context.noted)
        receipt = await services.intake.take(
            context.workspace_id, batch, source="graphql", page=Page() if context.caller.publishable else None
        )
        if receipt.refused:
            refused = receipt.refused[0]
            raise BadInput(refused.message, field=refused.field)
        (taken,) = receipt.taken
        return PersonalisationRecordPayload(message_id=taken.message_id, duplicate=taken.duplicate)
