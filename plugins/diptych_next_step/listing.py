"""The list of what to do: as a query, and on the command line."""

from __future__ import annotations

from msgspec import Struct

from cdp.errors import BadInput
from cdp.hooks import hookimpl
from cdp.model import Command, CommandAnswer, CommandRequest, GraphQuery, ProfileId, QueryRequest
from diptych_next_step.about import Settings
from diptych_next_step.steps import Action, Panels, Step, decide

READS = """query ($first: Int) {
  profiles(first: $first, orderBy: [{ field: INTENT_SCORE, direction: DESC }]) {
    nodes { id buyerIntent { level stage } usage { phase support { open } } }
  }
}"""
"""The people with the strongest intent."""

_MOST = 200


class Which(Struct, frozen=True, kw_only=True):
    """Which steps are listed."""

    first: int = 20
    """How many people are looked at, those with the strongest intent first; 200 at most."""
    action: Action | None = None
    """Only steps of this kind."""


class Person(Panels, frozen=True, kw_only=True):
    """Somebody, with what a step depends on."""

    id: ProfileId


class People(Struct, frozen=True, kw_only=True):
    """A page of them."""

    nodes: tuple[Person, ...]


class Found(Struct, frozen=True, kw_only=True):
    """What is read."""

    profiles: People


class PersonStep(Struct, frozen=True, kw_only=True):
    """A step, and with whom."""

    person: ProfileId
    """The profile."""
    step: Step
    """What to do with them."""


@hookimpl
def register_queries() -> list[GraphQuery]:
    """The list as a query."""
    return [
        GraphQuery(
            name="next_steps",
            returns=tuple[PersonStep, ...],
            description="What to do next, with the people whose intent is the strongest; urgent steps first.",
            arguments=Which,
            scopes=frozenset({"profiles:read", "intent:read", "usage:read"}),
            reads=READS,
            found=Found,
            resolve=next_steps,
        )
    ]


@hookimpl
def register_commands() -> list[Command]:
    """The list on the command line."""
    return [
        Command(
            name="list",
            description="List what to do next, with the people whose intent is the strongest.",
            arguments=Which,
            example="list --workspace b2b --first 10 --data ./data",
            reads=READS,
            found=Found,
            run=print_steps,
        )
    ]


def next_steps(request: QueryRequest, settings: Settings) -> tuple[PersonStep, ...]:
    """Those of the kind that is asked for."""
    return _listed(request.found, request.arguments, settings)


def print_steps(request: CommandRequest, settings: Settings) -> CommandAnswer:
    """A line each."""
    listed = _listed(request.found, request.arguments, settings)
    lines = [f"{one.person}  {one.step.action}  {one.step.reason}" for one in listed]
    return CommandAnswer(text="\n".join(lines) or "There is nothing to do.")


def _listed(found: Found, which: Which, settings: Settings) -> tuple[PersonStep, ...]:
    if not 0 < which.first <= _MOST:
        raise BadInput(f"1 to {_MOST} people can be looked at.", field=("first",))
    steps = [(one.id, decide(one, call_from=settings.call_from)) for one in found.profiles.nodes]
    listed = [
        PersonStep(person=person, step=step)
        for person, step in steps
        if step is not None and which.action in {None, step.action}
    ]
    return tuple(sorted(listed, key=lambda one: not one.step.urgent))
