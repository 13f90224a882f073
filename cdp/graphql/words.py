"""Enums of the two panels, of what is enriched, and of lists, with what each value means."""

from __future__ import annotations

from enum import Enum

import strawberry

from cdp.graphql.vocabulary import describe
from cdp.model import AccountKind, IntentLevel, Lens, Stage, Subject, UsagePhase

describe(
    Lens,
    "The panel that a fact belongs to; a fact may feed both, or neither.",
    {
        "INTENT": "It feeds the buyer-intent panel.",
        "USAGE": "It feeds the usage panel.",
        "NONE": "The catalogue does not name it, or gives it to no panel: kept and visible.",
    },
)

describe(
    Stage,
    "Stages of the buying journey. It is not linear: stages are skipped, revisited and run in parallel.",
    {
        "AWARENESS": "Learns that there is something to buy.",
        "RESEARCH": "Looks into what it is and does.",
        "COMPARISON": "Compares it with others.",
        "PRICING": "Asks what it costs.",
        "NEGOTIATION": "Settles terms: a demo, a quote, a basket, a checkout.",
        "PURCHASE": "Buys.",
        "RENEWAL": "Buys again, extends or changes what was bought.",
    },
    name="BuyingStage",
)

describe(
    IntentLevel,
    "Buyer intent by the workspace's thresholds on the score.",
    {
        "COLD": "Below the threshold of WARM.",
        "WARM": "From the workspace's `warm_score`.",
        "HOT": "From the workspace's `hot_score`.",
    },
)

describe(
    UsagePhase,
    "How far somebody has come with the product.",
    {
        "NONE": "No usage at all.",
        "ONBOARDING": "Has begun to use it.",
        "ACTIVATED": "Has reached the activation event, or done every step of onboarding.",
        "ADOPTING": "Uses several features.",
        "HABITUAL": "Uses it on many days.",
        "DORMANT": "Has used it, and no longer does.",
    },
)

describe(
    AccountKind,
    "What a person buys or uses on behalf of.",
    {
        "ORGANISATION": "A company or another organisation.",
        "HOUSEHOLD": "A household.",
    },
)

describe(
    Subject,
    "What a provider of enrichment knows something about.",
    {"PERSON": "People.", "ACCOUNT": "Accounts: organisations and households."},
    name="EnrichmentSubject",
)


@strawberry.enum(description="How an account's buyers and users go together.")
class Alignment(Enum):
    """The two panels side by side."""

    ALIGNED = strawberry.enum_value("ALIGNED", description="Somebody buys and somebody uses.")
    USERS_WITHOUT_BUYER = strawberry.enum_value(
        "USERS_WITHOUT_BUYER",
        description="People use it, and there is nobody to sell to: room for expansion.",
    )
    BUYER_WITHOUT_USERS = strawberry.enum_value(
        "BUYER_WITHOUT_USERS", description="It was paid for, and nobody uses it: it may be cancelled."
    )
    DORMANT = strawberry.enum_value("DORMANT", description="Nobody buys and nobody uses.")


@strawberry.enum(description="Which way a list is sorted.")
class Direction(Enum):
    """Ascending or descending."""

    ASC = strawberry.enum_value("ASC", description="Lowest first; what is missing counts as lowest.")
    DESC = strawberry.enum_value("DESC", description="Highest first; what is missing counts as lowest.")
