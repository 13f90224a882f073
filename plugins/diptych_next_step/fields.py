"""Fields of GraphQL: each is asked once for all objects of a list."""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import FieldRequest, GraphField
from diptych_next_step.about import Settings
from diptych_next_step.health import Facts, Health, health
from diptych_next_step.steps import Panels, Step, decide


@hookimpl
def register_fields() -> list[GraphField]:
    """The next step of people, within an account too, and the health of accounts."""
    return [
        GraphField(
            on="Profile",
            name="next_best_step",
            returns=Step | None,
            description="What to do next with the person, over all accounts; null: leave them in peace.",
            requires=Panels,
            resolve=next_steps,
        ),
        GraphField(
            on="Membership",
            name="next_best_step",
            returns=Step | None,
            description="What to do next with the person within the account; null: leave them in peace.",
            requires=Panels,
            resolve=next_steps,
        ),
        GraphField(
            on="Account",
            name="health",
            returns=Health,
            description="How well the account is, from what its people do.",
            requires=Facts,
            resolve=healths,
        ),
        GraphField(
            on="Account",
            name="owner",
            returns=str,
            description="Who looks after the account, as the CRM says: its trait `owner`.",
            trait="owner",
        ),
    ]


def next_steps(request: FieldRequest, settings: Settings) -> list[Step | None]:
    """One for each person or membership."""
    return [decide(panels, call_from=settings.call_from) for panels in request.objects]


def healths(request: FieldRequest) -> list[Health]:
    """One for each account."""
    return [health(facts) for facts in request.objects]
