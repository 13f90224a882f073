"""What is shown without the scope that its sources would take: every such decision, with its reason.

A value inherits the labels of whatever it is derived from. Where it is shown to more people than that, on purpose, it
stands here and nowhere else; tests/security holds that nothing else of the schema reads what its labels do not allow.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cdp.plan.labels import BOTH, PII, Labels


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
            "AccountBuyerIntent.committee",
            "AccountBuyerIntent.unfilledRoles",
            "AccountBuyerIntentFilter.unfilledRoles",
            "AlignmentFigures.buyers",
            "AlignmentFiguresFilter.buyers",
            "AccountOrderField.BUYERS",
        ),
        columns=("role_claim.*", "role_assertion.*", "role_denial.*"),
        labels=BOTH,
        reveals="Which roles somebody holds now and who says so, by name; what people asserted with its dates. Neither "
        "how sure a plugin is, nor since when, nor why, nor what it claimed before.",
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
        at=("Profile.displayName", "Identifier.value"),
        columns=("profile.display_name", "node.value"),
        labels=PII,
        reveals="A mask: of a name the first letter, of an address its domain, of a phone number the last two digits; "
        "that there is a value at all.",
        reason="Lists of people without anything to tell them apart cannot be worked with; the mask leads to nobody.",
    ),
    Declassified(
        at=(
            "Account.name",
            "AccountFilter.name",
            "AccountOrderField.NAME",
            "MembershipOrderField.ACCOUNT_NAME",
            "Query.accounts(search:)",
        ),
        columns=("account.name",),
        labels=PII,
        reveals="What an organisation is called; of a household nothing.",
        reason="Organisations are no persons. A household is called as its people are.",
    ),
    Declassified(
        at=(
            "Profile.traits",
            "Account.traits",
            "EnrichedTrait.value",
            "EnrichedAccountTrait.value",
            "Event.properties",
            "Event.context",
            "ProfileFilter.traits",
            "AccountFilter.traits",
            "ProfileOrderField.TRAIT_TEXT",
            "ProfileOrderField.TRAIT_NUMBER",
            "AccountOrderField.TRAIT_TEXT",
            "AccountOrderField.TRAIT_NUMBER",
        ),
        columns=(
            "profile.traits",
            "account.traits",
            "enrichment.value",
            "account_enrichment.value",
            "event.properties",
            "event.context",
        ),
        labels=PII | BOTH,
        reveals="The attributes whose class the reader may see; of undeclared ones those that do not seem personal.",
        reason="Each attribute has a class of its own, which workspaces declare; one label for all would hide all.",
    ),
    Declassified(
        at=("EnrichedTrait.counts", "EnrichedAccountTrait.counts"),
        columns=("profile.traits", "account.traits"),
        labels=PII | BOTH,
        reveals="Whether a person or an account has a trait of its own by a key that a provider contributed as well.",
        reason="Without it nobody knows whether the value of a provider is the one to go by; it tells of no value.",
    ),
    Declassified(
        at=("Event.countsAs",),
        columns=("event.context",),
        labels=PII | BOTH,
        reveals="Under which name of the catalogue a plugin has an event count; of events that the reader sees anyway.",
        reason="It is the workspace's own word for the event, and no part of what was sent.",
    ),
    Declassified(
        at=("Query.profile(identifier:)",),
        columns=("node.value",),
        labels=PII,
        reveals="Which profile an identifier leads to that the reader knows already; not by address or phone number.",
        reason="Systems that know people by an id of their own have to find them; ids of systems cannot be guessed.",
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
    Declassified(
        at=("Query.visitor",),
        columns=("profile.*", "node.*", "summary_tally.*", "summary_day.*"),
        labels=PII | BOTH,
        reveals="To a visitor whom a token of the customer's server proves: that one person's score, stage and use of "
        "the product, and what both panels choose to show them. Not what identifies them, nor what support knows.",
        reason="It is the visitor's own, and of nobody else: what may be another's is not shown at all.",
    ),
    Declassified(
        at=("Query.roleExplain",),
        labels=BOTH,
        reveals="The names of the roles that are held, and what people said for and against roles, as in `heldRoles`.",
        reason="The same as of `Membership.roles`; what plugins claim, and how roles were at another time, takes "
        "both panels.",
    ),
    Declassified(
        at=(
            "EnrichedTrait.fetchedAt",
            "EnrichedTrait.expiresAt",
            "EnrichedAccountTrait.fetchedAt",
            "EnrichedAccountTrait.expiresAt",
        ),
        labels=BOTH,
        reveals="The day on which a provider was asked, which is one on which the person did something of either "
        "panel.",
        reason="Whoever goes by a trait has to know how old it is; the day does, and comes once in the life of "
        "an answer.",
    ),
    Declassified(
        at=(
            "Profile.createdAt",
            "Profile.identifiers",
            "Profile.memberships",
            "Account.people",
            "Account.createdAt",
            "AlignmentFigures.people",
            "IdentityLink.firstAt",
        ),
        labels=BOTH,
        reveals="That a person, an identifier, an account or a membership is known, and since when; whichever "
        "panel the first event of it was of, and nothing of what came later.",
        reason="Both sides work on the same people and accounts; they could not, did one of them not know that "
        "they exist.",
    ),
    Declassified(
        at=("Event.id", "EventEdge.cursor"),
        labels=BOTH,
        reveals="By gaps between the numbers of events, about how many events of all people, panels and workspaces the "
        "server stored in between; never whose, nor of which.",
        reason="The number keeps timelines in one order under equal times, and pages stable.",
    ),
)
"""All of them."""


def declassified_at(coordinate: str) -> Iterator[Declassified]:
    """The decisions about a schema coordinate."""
    return (one for one in DECLASSIFIED if coordinate in one.at)
