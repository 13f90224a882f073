"""What is shown without the scope that its sources would take: every such decision, with its reason.

A value inherits the labels of whatever it is derived from. Where it is shown to more people than that, on purpose, it
stands here and nowhere else; tests/security holds that nothing else of the schema reads what its labels do not allow.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cdp.plan.labels import BOTH, Labels


class Declassified(Struct, frozen=True, kw_only=True):
    """One decision to show something without the scopes that its sources would take."""

    at: tuple[str, ...]
    """Where: schema coordinates (`Membership.influence`, `ProfileFilter.lastSeenAt`, `ProfileOrderField.LAST_SEEN_AT`,
    `Account.people(role:)`); it holds for what is selected below them, too."""
    columns: tuple[str, ...] = ()
    """What may be read there of the database, beyond what the labels allow: `table.column`, or `table.*`. Empty for
    what no statement of the planner reads."""
    labels: Labels
    """The labels that it is free of."""
    reveals: str
    """What those learn through it who lack the scopes, in a sentence."""
    reason: str
    """Why that is right, in a sentence."""


DECLASSIFIED: tuple[Declassified, ...] = (
    Declassified(
        at=(
            "Membership.roles",
            "Membership.heldRoles",
            "MembershipFilter.role",
            "MembershipFilter.roles",
            "MembershipFilter.heldRoles",
            "Account.people(role:)",
        ),
        columns=("role_claim.*", "role_assertion.*", "role_denial.*"),
        labels=BOTH,
        reveals="Which roles somebody holds now and who says so, by name; what people asserted with its dates. Neither how "
        "sure a plugin is, nor since when, nor why, nor what it claimed before.",
        reason="Who buys and who uses is what sales and support have to know of each other: the product exists for it.",
    ),
    Declassified(
        at=("Membership.influence",),
        columns=("role_claim.*", "role_assertion.*", "role_denial.*"),
        labels=BOTH,
        reveals="Whether somebody holds one of the roles INFLUENCER, CHAMPION and ADVOCATE now; nothing of the figure.",
        reason="The names of roles are there for everybody. The figure jumps with every invitation that is sent.",
    ),
    Declassified(
        at=("Account.alignment", "AccountFilter.alignment"),
        columns=(
            "membership.used_days",
            "membership.purchase_count",
            "role_claim.*",
            "role_assertion.*",
            "role_denial.*",
        ),
        labels=BOTH,
        reveals="One word of four: whether anybody of the account used the product lately, and whether anybody buys.",
        reason="A warning that users have left, or that there is nobody to sell to, is worthless to one side alone.",
    ),
)
"""All of them."""


def declassified_at(coordinate: str) -> Iterator[Declassified]:
    """The decisions about a schema coordinate."""
    return (one for one in DECLASSIFIED if coordinate in one.at)
