"""Events: the batch of the tracking API, typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
import strawberry

from cdp.access.scopes import Scope
from cdp.db.queries import load_queries
from cdp.errors import BadInput, NotFound, TooLarge
from cdp.graphql.context import Context, Info
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.objects import number_of
from cdp.graphql.scalars import JSON
from cdp.ingest.decode import Batch, decode_batch, unpack
from cdp.ingest.intake import Receipt
from cdp.ingest.limits import BATCH_EVENTS
from cdp.ingest.proving import Page
from cdp.ingest.replay import replay
from cdp.model import EventType

_SQL = load_queries("cdp.graphql")


@strawberry.enum(description="What became of one event of a batch.")
class EventStatus(Enum):
    """Outcomes of an event."""

    ACCEPTED = strawberry.enum_value("ACCEPTED", description="Stored; the next query sees it.")
    DUPLICATE = strawberry.enum_value(
        "DUPLICATE", description="An event of this message id was stored before: it counts once."
    )
    REFUSED = strawberry.enum_value(
        "REFUSED", description="Not stored; kept with its reason for 30 days, and replayable."
    )


@strawberry.input(description="One event, with the fields of the tracking API.")
class EventInput:
    """An event, as it is sent."""

    type: EventType = strawberry.field(description="What kind of call it is.")
    message_id: str | None = strawberry.field(
        default=None, description="Its id: an event that is sent twice counts once. Made if absent."
    )
    user_id: str | None = strawberry.field(
        default=None, description="The person's id in your system; this or `anonymousId` is required."
    )
    anonymous_id: str | None = strawberry.field(
        default=None, description="The visitor's id before you know who it is."
    )
    previous_id: str | None = strawberry.field(
        default=None, description="Of ALIAS: the id that the person had before."
    )
    group_id: str | None = strawberry.field(
        default=None, description="Of GROUP: the account's id in your system."
    )
    event: str | None = strawberry.field(
        default=None, description="Of TRACK: the name of the event, such as `Pricing Viewed`."
    )
    name: str | None = strawberry.field(default=None, description="Of PAGE and SCREEN: its name.")
    category: str | None = strawberry.field(default=None, description="Of PAGE and SCREEN: its category.")
    properties: JSON | None = strawberry.field(
        default=None, description="Of TRACK, PAGE and SCREEN: an object of properties."
    )
    traits: JSON | None = strawberry.field(
        default=None, description="Of IDENTIFY and GROUP: an object of traits of the person or the account."
    )
    context: JSON | None = strawberry.field(
        default=None,
        description="An object of circumstances: `groupId` scopes the event to an account, `externalIds` names "
        "further identifiers, `traits` says what is known about the person.",
    )
    integrations: JSON | None = strawberry.field(
        default=None, description="Where the event may be passed on to, as tracking clients say it."
    )
    timestamp: datetime | None = strawberry.field(
        default=None, description="When it occurred; now if absent. A time to come is taken for now."
    )

    def item(self) -> dict[str, Any]:
        """The event as tracking clients spell it; what was not given is left out."""
        fields = {
            "messageId": self.message_id,
            "type": self.type.value,
            "userId": self.user_id,
            "anonymousId": self.anonymous_id,
            "previousId": self.previous_id,
            "groupId": self.group_id,
            "event": self.event,
            "name": self.name,
            "category": self.category,
            "properties": self.properties,
            "traits": self.traits,
            "context": self.context,
            "integrations": self.integrations,
            "timestamp": self.timestamp,
        }
        return {name: value for name, value in fields.items() if value is not None}


@strawberry.input(description="A batch of events.")
class EventsIngestInput:
    """Input of eventsIngest."""

    events: list[EventInput] = strawberry.field(
        description=f"The events, at most {BATCH_EVENTS:,}, of 32 KB each."
    )
    context: JSON | None = strawberry.field(
        default=None, description="An object that goes under each event's own context."
    )


@strawberry.type(description="Something about an accepted event that its sender should mend.")
class EventRemark:
    """A remark on one event."""

    code: str = strawberry.field(description="Kind of remark, for programs.")
    field: list[str] = strawberry.field(description="Path within the event to what was left out.")
    message: str = strawberry.field(description="A sentence for a person.")


@strawberry.type(description="What became of one event of a batch.")
class EventResult:
    """Result of one event."""

    index: int = strawberry.field(description="Its place in the batch, from 0.")
    status: EventStatus = strawberry.field(description="What became of it.")
    code: str | None = strawberry.field(default=None, description="Why it was refused, for programs.")
    message: str | None = strawberry.field(default=None, description="Why it was refused, for a person.")
    field: list[str] = strawberry.field(
        default_factory=list, description="Path within the event to what is wrong; empty: all of it."
    )
    message_id: str | None = strawberry.field(
        default=None, description="Its message id, also where it was made here; null where it was refused."
    )
    remarks: list[EventRemark] = strawberry.field(
        default_factory=list,
        description="What was left out of an accepted event, such as an e-mail address with a typing error.",
    )


@strawberry.type(description="What eventsIngest did.")
class EventsIngestPayload:
    """Payload of eventsIngest."""

    accepted: int = strawberry.field(
        default=0, description="How many events are stored now and were not before."
    )
    duplicates: int = strawberry.field(default=0, description="How many had been stored before.")
    refused: int = strawberry.field(default=0, description="How many were refused; `results` says why.")
    results: list[EventResult] = strawberry.field(
        default_factory=list, description="What became of each event, in the order of the batch."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why the batch as a whole was not read; empty where it was."
    )


@strawberry.input(
    description="Refused events to try again: those of `ids`, or all of a `code`; exactly one of the two."
)
class EventsReplayInput:
    """Input of eventsReplay."""

    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Ids of refused events.")
    code: str | None = strawberry.field(
        default=None, description="Why they were refused, such as `INVALID_TIME`."
    )


@strawberry.type(description="What eventsReplay did.")
class EventsReplayPayload:
    """Payload of eventsReplay."""

    replayed: int = strawberry.field(default=0, description="How many are stored now.")
    refused: int = strawberry.field(
        default=0, description="How many were refused again; `refusedEvents` has the reason of today."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was tried; empty where it was."
    )


@strawberry.type
class EventMutations:
    """Mutations of events."""

    @mutation(
        Scope.EVENTS_WRITE,
        "Store a batch of events, as the tracking API does. What is accepted is durable, and the next query sees it.",
        texts_are_checked=False,
        acts=False,
    )
    async def events_ingest(self, info: Info, given: Given[EventsIngestInput]) -> EventsIngestPayload:
        """Through the same intake as the tracking API."""
        context, services = info.context, info.context.services
        batch = _batch(given)
        limits = (await services.workspaces.get(context.workspace_id)).limits
        services.rates.events(context.caller, limits, len(batch.items), context.noted)
        return _payload(
            await services.intake.take(
                context.workspace_id,
                batch,
                source="graphql",
                page=Page() if context.caller.publishable else None,
            )
        )

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Try refused events again, once the reason is gone; they are stored as if they had been good at once.",
        shown=("code",),
    )
    async def events_replay(self, info: Info, given: Given[EventsReplayInput]) -> EventsReplayPayload:
        """Replay what was refused."""
        context = info.context
        if (given.ids is None) == (given.code is None):
            raise BadInput("Give either ids or a code.")
        if given.code is not None:
            async with context.connection() as connection:
                rows = await connection.fetch(_SQL.refused_of_code, context.workspace_id, given.code)
            wanted = [row["refused_id"] for row in rows]
        else:
            wanted = await _refused_ids(context, given.ids or [])
        done = await replay(
            context.services.database,
            context.services.intake,
            context.workspace_id,
            now=context.services.clock(),
            refused_ids=wanted,
        )
        return EventsReplayPayload(replayed=done.replayed, refused=done.refused)


async def _refused_ids(context: Context, ids: Sequence[str]) -> list[int]:
    """The numbers of ids, all of which this workspace must have.

    Raises:
        NotFound: one is not the id of a refused event of this workspace.
        TooLarge: there are too many.
    """
    if len(ids) > BATCH_EVENTS:
        raise TooLarge(
            f"These are {len(ids):,} ids, more than {BATCH_EVENTS:,}; replay fewer at once.", field=("ids",)
        )
    numbers = [number_of("RefusedEvent", given, "ids", str(index)) for index, given in enumerate(ids)]
    async with context.connection() as connection:
        rows = await connection.fetch(_SQL.refused_among, context.workspace_id, numbers)
    known = {row["refused_id"] for row in rows}
    for index, number in enumerate(numbers):
        if number not in known:
            raise NotFound("There is no such refused event in this workspace.", field=("ids", str(index)))
    return numbers


def _batch(given: EventsIngestInput) -> Batch:
    """The batch as the tracking API would receive it.

    Raises:
        BadInput: it holds what JSON in UTF-8 cannot, or its context is no object.
        TooLarge: it has more events or bytes than a batch may have.
    """
    envelope: dict[str, Any] = {"batch": [event.item() for event in given.events], "context": given.context}
    try:
        text = msgspec.json.encode(envelope)
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadInput(f"The batch cannot be written as JSON in UTF-8: {error}.", field=("events",)) from None
    return decode_batch(unpack(text))


def _payload(receipt: Receipt) -> EventsIngestPayload:
    remarks: dict[int, list[EventRemark]] = {}
    for remark in receipt.remarks:
        shown = EventRemark(code=remark.code, field=list(remark.field), message=remark.message)
        remarks.setdefault(remark.index, []).append(shown)
    taken = [
        EventResult(
            index=item.index,
            status=EventStatus.DUPLICATE if item.duplicate else EventStatus.ACCEPTED,
            message_id=item.message_id,
            remarks=remarks.get(item.index, []),
        )
        for item in receipt.taken
    ]
    refused = [
        EventResult(
            index=item.index,
            status=EventStatus.REFUSED,
            code=item.code,
            message=item.message,
            field=list(item.field),
        )
        for item in receipt.refused
    ]
    return EventsIngestPayload(
        accepted=receipt.stored,
        duplicates=receipt.duplicates,
        refused=len(refused),
        results=sorted([*taken, *refused], key=lambda result: result.index),
    )
