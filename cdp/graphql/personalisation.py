"""Personalisation: what to show a person in a slot, and why that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from msgspec import structs
from strawberry.scalars import ID, JSON

from cdp.access.scopes import Scopes
from cdp.errors import BadInput
from cdp.graphql.audiences import AudiencesOf
from cdp.graphql.context import Context
from cdp.graphql.vocabulary import describe
from cdp.identity.kinds import normalise
from cdp.model import AccountId, Lens, ProfileId, Workspace
from cdp.model.ids import decode_id_of, encode_id
from cdp.personalisation import Filled, fill
from cdp.personalisation.decide import Considered, Decision, Outcome, Standing
from cdp.personalisation.gather import Reader
from cdp.personalisation.slots import LONGEST_NAME
from cdp.personalisation.tracking import shown
from cdp.plan.moment import Moment
from cdp.plan.statement import as_text

MOST_SLOTS = 50
"""That one call may ask for."""


describe(
    Outcome,
    "How a slot came to be filled.",
    {
        "ASSIGNED": "By the hash, among the eligible candidates of the highest priority.",
        "CHOSEN": "By a plugin.",
        "HOLDOUT": "With the fallback, because the person is in the holdout group.",
        "FALLBACK": "With the fallback, because no candidate is eligible.",
        "NO_CONSENT": "With the fallback, because the person's data may not be used for this.",
    },
    name="PersonalisationOutcome",
)

describe(
    Standing,
    "How a candidate stands.",
    {
        "SHOWN": "It is shown.",
        "WITHHELD": "It would be shown, were the person not in the holdout group.",
        "NOT_ASSIGNED": "Eligible; the hash gives the person another one.",
        "OUTRANKED": "Eligible; another one has a higher priority.",
        "NOT_CHOSEN": "Eligible; a plugin chose another one.",
        "PAUSED": "It is paused.",
        "NOT_YET": "It has not started.",
        "OVER": "It has ended.",
        "OUTSIDE_AUDIENCE": "The person is not in its audience.",
        "CAPPED": "The person was shown it as often as its cap allows.",
        "NAME_TAKEN": "Another candidate has its name.",
        "UNREADABLE": "Its audience is no filter of this version; set it anew.",
    },
    name="CandidateStanding",
)


@strawberry.type(description="One candidate for a slot, and whether the person could be shown it.")
class PersonalisationCandidate:
    """A candidate, explained."""

    variant: str = strawberry.field(description="Its name.")
    plugin: str | None = strawberry.field(
        description="The plugin that brought it; null: it is a variant of the workspace."
    )
    lens: Lens = strawberry.field(description="The panel that it was made from.")
    priority: int = strawberry.field(description="The highest of those that are eligible take part.")
    weight: float = strawberry.field(description="Its share of the people, in proportion.")
    eligible: bool = strawberry.field(description="Whether it could be shown to the person.")
    standing: Standing = strawberry.field(description="How it stands, for programs.")
    reason: str = strawberry.field(description="Why it stands so, in a sentence.")

    @classmethod
    def of(cls, one: Considered) -> PersonalisationCandidate:
        """As GraphQL shows it."""
        return cls(
            variant=one.candidate.variant,
            plugin=one.plugin,
            lens=one.candidate.lens,
            priority=one.candidate.priority,
            weight=one.candidate.weight,
            eligible=one.eligible,
            standing=one.standing,
            reason=one.reason,
        )


@strawberry.type(description="Why a person is shown what they are shown.")
class PersonalisationExplanation:
    """A decision, explained."""

    consent: str | None = strawberry.field(description="What was said when consent was asked for.")
    in_holdout: bool = strawberry.field(
        description="Whether the person is shown the fallback so that others can be compared with them."
    )
    candidates: list[PersonalisationCandidate] = strawberry.field(
        description="Every candidate, those of the workspace first, each eligible or with why it is not; without those "
        "that were made from what the caller may not see. Empty without consent: nothing was looked at."
    )


@strawberry.type(description="What to show a person in a slot, and why.")
class Personalisation:
    """One decision."""

    slot: str = strawberry.field(description="The slot that was asked for.")
    variant: str = strawberry.field(
        description="Name of the variant, for the frontend; `fallback` or `holdout` where that is the slot's fallback."
    )
    content: JSON = strawberry.field(description="Content of the variant, or the slot's fallback.")
    lens: Lens = strawberry.field(description="The panel that the choice was made from.")
    reason: str = strawberry.field(description="Why this variant for this person, in a sentence.")
    outcome: Outcome = strawberry.field(description="How the slot came to be filled.")
    plugin: str | None = strawberry.field(
        description="The plugin that proposed or chose it; null: a variant of the workspace, or the fallback."
    )
    account_id: ID | None = strawberry.field(
        description="The account within which it was chosen; null: for the person on their own."
    )
    tracking: JSON | None = strawberry.field(
        description="What to track once the person has seen it: `event` and `properties` of a track call. Null without "
        "consent."
    )
    decision: strawberry.Private[Decision]

    @strawberry.field(description="Every candidate, and how it stands.")
    def explanation(self) -> PersonalisationExplanation:
        """Made only where it is asked for."""
        decision = self.decision
        return PersonalisationExplanation(
            consent=decision.consent,
            in_holdout=decision.outcome is Outcome.HOLDOUT,
            candidates=[PersonalisationCandidate.of(one) for one in decision.considered],
        )

    @classmethod
    def of(cls, filled: Filled) -> Personalisation:
        """As GraphQL shows it."""
        decision = filled.decision
        return cls(
            slot=decision.slot,
            variant=decision.variant,
            content=JSON(decision.content),
            lens=decision.lens,
            reason=decision.reason,
            outcome=decision.outcome,
            plugin=decision.plugin,
            account_id=ID(encode_id("Account", filled.account_id)) if filled.account_id else None,
            tracking=JSON(shown(decision)) if decision.outcome is not Outcome.NO_CONSENT else None,
            decision=decision,
        )


async def fill_slot(
    context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> Sequence[Personalisation | None]:
    """Fill one slot for all people of an answer at once."""
    filled = await fill_for(context, parents, [arguments["slot"]], arguments.get("account"))
    return [one for (one,) in filled]


async def fill_slots(
    context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> Sequence[Sequence[Personalisation | None]]:
    """Fill several slots for all people of an answer at once."""
    return await fill_for(context, parents, arguments["slots"], arguments.get("account"))


async def fill_for(
    context: Context,
    parents: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    account: object,
    *,
    granted: Scopes | None = None,
) -> list[list[Personalisation | None]]:
    """For each person what each of these slots is filled with.

    Args:
        context: of the request.
        parents: the people, each with its `profile_id`.
        names: of the slots.
        account: id of the account within which; None: where each was last active.
        granted: what may be looked at for the choice; None: what the caller may see.
    """
    if len(names) > MOST_SLOTS:
        raise BadInput(f"Ask for at most {MOST_SLOTS} slots at once; these are {len(names)}.")
    people = [ProfileId(parent["profile_id"]) for parent in parents]
    workspace = await context.workspace()
    granted = context.scopes if granted is None else granted
    moment = structs.replace(moment_of(context, workspace), scopes=granted)
    for name in names:
        if len(as_text(name, moment)) > LONGEST_NAME:
            raise BadInput(f"The name of a slot has at most {LONGEST_NAME} characters.")
    filled = await fill(
        context.connection,
        workspace,
        context.services.plugins,
        context.services.slots,
        list(dict.fromkeys(people)),
        names=names,
        account_id=AccountId(decode_id_of("Account", str(account))) if account is not None else None,
        reader=Reader(
            granted=granted,
            audiences=AudiencesOf(context.reading.audiences, moment, granted),
            as_of=context.as_of,
        ),
    )
    shown = {key: Personalisation.of(one) for key, one in filled.items()}
    return [[shown.get((person, name)) for name in names] for person in people]


def moment_of(context: Context, workspace: Workspace) -> Moment:
    """What statements are given besides what clients give."""
    country = workspace.settings.default_country
    return Moment(
        workspace=workspace,
        as_of=context.as_of,
        normalise=lambda kind, value: normalise(context.kinds, kind, value, country),
        roles=tuple(context.services.plugins.roles().values()),
        scopes=context.scopes,
    )
