"""Enums of the catalogue, which mutations take as well as show, with what each value means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from cdp.hooks.health import CircuitState, FailureKind
from cdp.model import ConditionOperator, EventType, Measure, PurchaseEffect

AnyEnum = TypeVar("AnyEnum", bound=type[Enum])


def describe(
    words: AnyEnum, description: str, values: Mapping[str, str], *, name: str | None = None
) -> AnyEnum:
    """Show an enum of the model in GraphQL, each value described.

    Raises:
        KeyError: a value has no description.
    """
    shown = strawberry.enum(words, name=name, description=description)
    definition: StrawberryEnumDefinition = vars(shown)["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[value.name]
    return words


describe(
    ConditionOperator,
    "How a condition compares a property with its value.",
    {
        "EQ": "The two are equal.",
        "NE": "They differ.",
        "IN": "The property is one of the values of the list.",
        "GT": "The property is greater.",
        "GTE": "The property is greater or equal.",
        "LT": "The property is less.",
        "LTE": "The property is less or equal.",
        "CONTAINS": "The property's text, or list, contains the value.",
        "STARTS_WITH": "The property's text begins with the value.",
        "EXISTS": "The property is there (value true) or missing (value false).",
    },
)

describe(
    PurchaseEffect,
    "What an event does to the purchases.",
    {
        "PURCHASE": "Sets the order's total; a later event of the same order overrides it.",
        "REFUND": "Subtracts `total`, or the whole order where none is given.",
        "CANCELLATION": "The order no longer counts.",
    },
)

describe(
    Measure,
    "What a usage contribution counts besides being usage.",
    {
        "SESSION": "A session.",
        "ONBOARDING_STEP": "A step of onboarding, named by `keyProperty`.",
        "ACTIVATION": "The event that makes somebody an activated user.",
        "TRAINING_STARTED": "A course begun.",
        "TRAINING_COMPLETED": "A course finished.",
        "TICKET_OPENED": "A support ticket opened.",
        "TICKET_CLOSED": "A support ticket closed.",
        "TRIAL_STARTED": "The beginning of a trial.",
        "TRIAL_ENDED": "The end of a trial.",
        "SATISFACTION": "A score of satisfaction: the properties `nps` and `csat`.",
        "INVITE": "An invitation of somebody else.",
        "REVIEW": "A review in public.",
        "REFERRAL": "A referral.",
        "SHARE": "Something passed on to others.",
        "SERVICE_CONTRACT": "A contract for professional services.",
    },
)

describe(
    CircuitState,
    "Whether a plugin is called, after its latest failures.",
    {
        "CLOSED": "It is called.",
        "OPEN": "It failed too often, and is left alone for a while.",
        "HALF_OPEN": "One call will be tried, which decides.",
    },
)

describe(
    FailureKind,
    "How a call of a plugin failed.",
    {
        "RAISED": "It raised an error.",
        "TIMED_OUT": "It did not end in time.",
        "REFUSED": "It returned what its hook does not allow.",
        "BLOCKED": "It kept an event loop, or the whole process, from running; it may have had an effect all the same.",
        "SKIPPED": "It was not made.",
    },
    name="HookFailure",
)

describe(
    EventType,
    "The calls of the tracking API.",
    {
        "IDENTIFY": "Says who somebody is, and states traits of them.",
        "TRACK": "Somebody did something, which `event` names.",
        "PAGE": "Somebody saw a page.",
        "SCREEN": "Somebody saw a screen of an app.",
        "GROUP": "Somebody belongs to an account; states traits of it.",
        "ALIAS": "Two ids are one person.",
    },
)
