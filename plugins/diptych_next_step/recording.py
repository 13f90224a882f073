"""What became of a step: a mutation that contributes an event, which the catalogue can give a meaning."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cdp.errors import BadInput, NotFound
from cdp.hooks import hookimpl
from cdp.model import EventType, GraphMutation, MutationAnswer, MutationRequest, NewEvent, ProfileId
from diptych_next_step.steps import Action

EVENT = "Next Step Recorded"

_IDS = ("user_id", "anonymous_id")
"""Kinds of identifiers that an event can be about, the strongest first."""


class Outcome(StrEnum):
    """What became of a step."""

    DONE = "DONE"
    """It was done, and answered."""
    UNANSWERED = "UNANSWERED"
    """It was tried, and nobody answered."""
    DECLINED = "DECLINED"
    """They want to be left in peace."""


class StepRecord(Struct, frozen=True, kw_only=True):
    """What became of a step with a person."""

    person: ProfileId
    """With whom."""
    action: Action
    """What was done."""
    outcome: Outcome = Outcome.DONE
    """What became of it."""
    note: str | None = None
    """What else there is to say; 500 characters at most."""


class Recorded(Struct, frozen=True, kw_only=True):
    """A step that was recorded."""

    person: ProfileId
    """With whom."""
    action: Action
    """What was done."""


class Known(Struct, frozen=True, kw_only=True):
    """An identifier of the person."""

    kind: str
    value: str | None


class Somebody(Struct, frozen=True, kw_only=True):
    """The person."""

    identifiers: tuple[Known, ...]


class Found(Struct, frozen=True, kw_only=True):
    """What is read."""

    profile: Somebody | None


@hookimpl
def register_mutations() -> list[GraphMutation]:
    """Say what became of a step."""
    return [
        GraphMutation(
            name="next_step_record",
            input=StepRecord,
            returns=Recorded,
            description=f"Record what became of a step, as the event `{EVENT}`; once a person, action and day.",
            scopes=frozenset({"profiles:read", "profiles:write"}),
            ingests=True,
            reads="query ($person: ID!) { profile(id: $person) { identifiers { kind value } } }",
            found=Found,
            resolve=record,
        )
    ]


def record(request: MutationRequest) -> MutationAnswer:
    """An event about the person."""
    given: StepRecord = request.input
    found: Found = request.found
    if found.profile is None:
        raise NotFound("There is no such profile in this workspace.", field=("person",))
    if given.note is not None and len(given.note) > 500:
        raise BadInput("A note has at most 500 characters.", field=("note",))
    by_kind = {one.kind: one.value for one in found.profile.identifiers if one.value is not None}
    if by_kind.keys().isdisjoint(_IDS):
        raise BadInput(
            "This person has neither a user_id nor an anonymous_id to record it under.", field=("person",)
        )
    event = NewEvent(
        type=EventType.TRACK,
        message_id=f"next-step-{given.person}-{given.action}-{request.as_of:%Y-%m-%d}",
        user_id=by_kind.get("user_id"),
        anonymous_id=by_kind.get("anonymous_id"),
        event=EVENT,
        properties={
            "action": given.action,
            "outcome": given.outcome,
            "by": request.caller,
            **({"note": given.note} if given.note else {}),
        },
    )
    return MutationAnswer(result=Recorded(person=given.person, action=given.action), events=(event,))
