"""The buyer-intent panel: of a person, of a person within one account, of an account."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from cdp.graphql.facts import CURRENT, HOLDER, LEVEL, ROLES, SCORE
from cdp.graphql.paging import top
from cdp.graphql.scores import ScoreContribution, contributions, points
from cdp.model import IntentLevel, Stage
from cdp.plan.fields import column, nested, rows, tallied

if TYPE_CHECKING:
    from cdp.graphql.memberships import Membership


@strawberry.type(
    description="How often a stage of the buying journey was visited; loops show as counts above 1."
)
class StageVisit:
    """One stage."""

    stage: Stage = column("s.key::buying_stage", description="The stage.")
    count: int = column("s.count", description="How many facts speak for it.")
    first_at: datetime = column("s.first_at", description="When the first of them occurred.")
    last_at: datetime = column("s.last_at", description="When the last of them occurred.")


@strawberry.type(description="One kind of intent evidence, such as `pricing_viewed`.")
class Signal:
    """One signal."""

    name: str = column("s.key", description="Kind of evidence.")
    count: int = column("s.count", description="How often it was seen.")
    first_at: datetime = column("s.first_at", description="When it was first seen.")
    last_at: datetime = column("s.last_at", description="When it was last seen.")
    weight: float = column(
        "round(s.units::float8 / 1099511627776 * {decay} * 1e6) / 1e6",
        description="What it adds to the score today; weights halve with every half-life.",
    )


@strawberry.type(description="Money in one currency, exact.")
class Money:
    """A total."""

    currency: str = column("c.currency", description="ISO 4217 code.")
    amount: Decimal = column("c.amount", description="Orders and contracts, less refunds and cancellations.")


@strawberry.type(description="Orders and contracts. What was cancelled or refunded whole does not count.")
class Purchases:
    """What was bought."""

    count: int = column("coalesce({row}.purchase_count, 0)", description="How many count.")
    totals: list[Money] = rows(
        "(SELECT o.currency, sum(o.amount) AS amount FROM {orders} GROUP BY o.currency) c",
        order="c.currency",
        unless="coalesce({row}.purchase_count, 0) = 0",
        description="Exact total per currency.",
    )
    first_at: datetime | None = column(
        "CASE WHEN {row}.purchase_count > 0 THEN (SELECT min(o.first_at) FROM {orders}) END",
        description="When the first of them was made.",
    )
    last_at: datetime | None = column("{row}.last_purchase_at", description="When the last of them was made.")
    renewal_date: date | None = column(
        "(SELECT substring(r.value #>> '{}' FROM '^\\d{4}-\\d{2}-\\d{2}') FROM {registers}"
        " AND r.kind = 'contract' AND r.key = 'renewal_date'"
        ' ORDER BY r.occurred_at DESC, r.message_id COLLATE "C" DESC LIMIT 1)',
        description="When the contract is up for renewal, as last told.",
    )


@strawberry.type
class IntentView:
    """What every buyer-intent view has; not a type of the schema itself."""

    score: float = column(
        SCORE,
        description="Σ weight · 2^(−age/half-life) over all intent facts; the half-life is the workspace's.",
    )
    level: IntentLevel = column(LEVEL, description="The score by the workspace's thresholds.")
    stage: Stage | None = column(
        "{row}.stage",
        description="The stage with the largest weight today, on a tie the later one; null without any stage.",
    )
    furthest_stage: Stage | None = column(
        "{row}.furthest_stage", description="The furthest stage ever reached."
    )
    journey: list[StageVisit] = tallied(
        "stage",
        order="CASE WHEN s.kind = 'stage' THEN s.key::buying_stage END",
        unless="{row}.furthest_stage IS NULL",
        description="Every stage that was visited, earliest stage first.",
    )
    signals: list[Signal] = tallied(
        "signal",
        order="s.units DESC, s.key",
        unless="{row}.intent_last_at IS NULL",
        arguments=[top("signals")],
        description="Kinds of evidence, the weightiest today first.",
    )
    purchases: Purchases = nested(description="Orders and contracts.")
    plugin_points: float = points("INTENT")
    contributions: list[ScoreContribution] = contributions("INTENT")
    as_of: datetime = column("{as_of}", description="The moment of which this view is.")


@strawberry.type(description="The buyer-intent panel of a person, over all accounts or within one.")
class BuyerIntent(IntentView):
    """Of a person."""


@strawberry.type(description="A buying role of an account, and who holds it.")
class CommitteeSeat:
    """One role of the committee."""

    role: str = column("k.role", description="The role.")
    members: list[Annotated[Membership, strawberry.lazy("cdp.graphql.memberships")]] = rows(
        f"membership m WHERE m.workspace_id = $1 AND m.account_id = a.account_id"
        f" AND EXISTS (SELECT FROM {ROLES} WHERE c.role = k.role AND {CURRENT})",
        order="m.intent_rank DESC, m.profile_id",
        names={"row": "m", **HOLDER},
        arguments=[top("members")],
        description="Who holds it now, the keenest first; each has its own intent within this account.",
    )


UNFILLED = (
    "unnest({needed_roles}) AS buying (role)"
    f" WHERE NOT EXISTS (SELECT FROM membership m CROSS JOIN LATERAL {ROLES}"
    f" WHERE m.workspace_id = $1 AND m.account_id = a.account_id"
    f" AND c.role = buying.role AND {CURRENT})"
)
"""Buying roles that a purchase needs and nobody holds in the account `a`."""


@strawberry.type(description="The buyer-intent panel of an account, over all its people.")
class AccountBuyerIntent(IntentView):
    """Of an account."""

    committee: list[CommitteeSeat] = rows(
        f"(SELECT DISTINCT c.role FROM membership m CROSS JOIN LATERAL {ROLES}"
        f" WHERE m.workspace_id = $1 AND m.account_id = a.account_id AND {CURRENT}"
        " AND c.role = ANY({buying_roles})) k",
        order="k.role",
        description="The buying committee: who holds which buying role, of the core's and of plugins'.",
    )
    unfilled_roles: list[str] = column(
        f"coalesce((SELECT json_agg(buying.role) FROM {UNFILLED}), '[]')",
        description="Buying roles that a purchase needs and nobody holds.",
    )
