"""Traits that provider plugins contributed, of people and of accounts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry.scalars import JSON

from cdp.graphql.identifiers import Identifier
from cdp.model.classes import TraitOf
from cdp.plan.fields import column, nested
from cdp.plan.labels import BOTH
from cdp.plan.personal import CLASSED, HOUSEHOLD, seen

_FRESH = "(o.expires_at IS NULL OR o.expires_at > {as_of})"
_SURER = "(o.confidence, e.provider, e.{place}) > (e.confidence, o.provider, o.{place})"
_COUNTS = "Whether this is the value to go by: the {subject}'s own traits lack the key, and no other provider is surer."

PERSON_SOURCE = (
    "node n JOIN enrichment e ON e.workspace_id = $1 AND e.node_id = n.node_id"
    " AND (e.expires_at IS NULL OR e.expires_at > {as_of})"
    " WHERE n.workspace_id = $1 AND n.profile_id = p.profile_id"
)
"""What is known of the person `p`: rows `e`, each about an identifier `n`."""

ACCOUNT_SOURCE = (
    "account b JOIN account_enrichment e ON e.workspace_id = $1 AND e.account_id = b.account_id"
    " AND (e.expires_at IS NULL OR e.expires_at > {as_of})"
    " WHERE b.workspace_id = $1 AND (b.account_id = a.account_id OR b.merged_into = a.account_id)"
)
"""What is known of the account `a`, and of those that went into it: rows `e`."""


_DAY = "date_trunc('day', {}, 'UTC')"
_OF_DAY = (
    "For whoever may not see both panels, the beginning of the day: what somebody does has providers asked."
)


@strawberry.type
class _Provenance:
    """Where an enriched trait comes from."""

    key: str = column("e.key", description="Name of the trait.")
    provider: str = column("e.provider", description="The provider that it comes from.")
    confidence: float = column("e.confidence", description="How sure the provider is, above 0 and up to 1.")
    cost: Decimal = column(
        "e.cost", description="What its provider was paid for it so far, the trait's share of each answer."
    )
    currency: str = column("e.currency", description="ISO 4217 code of the cost.")
    fetched_at: datetime = column(
        "e.fetched_at",
        labels=BOTH,
        redacted=_DAY.format("e.fetched_at"),
        description=f"When it was fetched. {_OF_DAY}",
    )
    expires_at: datetime | None = column(
        "e.expires_at",
        labels=BOTH,
        redacted=_DAY.format("e.expires_at"),
        description=f"When it is not good any more, and is fetched anew; null: never. {_OF_DAY}",
    )


@strawberry.type(description="A trait of a person that a provider contributed, with where it comes from.")
class EnrichedTrait(_Provenance):
    """One trait of a person."""

    value: JSON | None = column(
        "e.value",
        labels=CLASSED,
        redacted=f"CASE WHEN {seen(TraitOf.PROFILE, 'e.key', 'e.value')} THEN e.value END",
        description="Its value; null where it is of a class that the caller may not see.",
    )
    about: Identifier = nested(description="The identifier that it was derived from.")
    counts: bool = column(
        "(NOT p.traits ? e.key AND NOT EXISTS (SELECT FROM node k JOIN enrichment o ON o.workspace_id = $1"
        f" AND o.node_id = k.node_id AND o.key = e.key AND {_FRESH} AND {_SURER.replace('{place}', 'node_id')}"
        " WHERE k.workspace_id = $1 AND k.profile_id = p.profile_id))",
        description=_COUNTS.format(subject="person"),
    )


@strawberry.type(description="A trait of an account that a provider contributed, with where it comes from.")
class EnrichedAccountTrait(_Provenance):
    """One trait of an account."""

    value: JSON | None = column(
        "e.value",
        labels=CLASSED,
        redacted=f"CASE WHEN {seen(TraitOf.ACCOUNT, 'e.key', 'e.value', where=HOUSEHOLD)} THEN e.value END",
        description="Its value; null where it is of a class that the caller may not see.",
    )
    counts: bool = column(
        "(NOT a.traits ? e.key AND NOT EXISTS (SELECT FROM account k JOIN account_enrichment o ON o.workspace_id = $1"
        " AND o.account_id = k.account_id AND o.key = e.key"
        f" AND {_FRESH} AND {_SURER.replace('{place}', 'account_id')}"
        " WHERE k.workspace_id = $1 AND (k.account_id = a.account_id OR k.merged_into = a.account_id)))",
        description=_COUNTS.format(subject="account"),
    )
