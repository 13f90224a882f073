"""Why a person holds a role, or does not: verdicts, claims, evidence."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from cdp.graphql.labelled import labelled
from cdp.graphql.memberships import Membership
from cdp.graphql.payloads import membership_ref, planned_object
from cdp.graphql.vocabulary import describe
from cdp.model import Evidence, RoleKind
from cdp.plan.labels import BOTH
from cdp.roles import combine, explain
from cdp.roles.combine import Decided, Part

describe(
    Decided,
    "How it was decided whether a role is held.",
    {
        "ASSERTED": "A person said so.",
        "DENIED": "A person said that it is not so.",
        "SINGLE": "One plugin claims it, and nobody said anything.",
        "COMBINED": "Several plugins claim it: 1 − Π(1 − confidence), at most 0.99.",
        "NOBODY": "Nobody claims it.",
    },
    name="RoleDecision",
)
describe(
    Part,
    "What became of one claim.",
    {
        "DECIDES": "It decides: a person's last word, or the surest claim.",
        "ADDS": "It makes the surest claim surer.",
        "OUTRANKED": "A person said something, or something later; it does not count.",
        "ENDED": "It is over, and does not count.",
        "PENDING": "It had not begun.",
    },
    name="ClaimPart",
)


@strawberry.type(description="One reason for a claim, in words and in figures.")
class ClaimEvidence:
    """One reason."""

    reason: str = strawberry.field(description="A sentence for a person.")
    facts: JSON = strawberry.field(description="The figures behind it.")


def shown(evidence: tuple[Evidence, ...]) -> list[ClaimEvidence]:
    """Evidence as GraphQL shows it to those who may see both panels; it may tell of either."""
    return [ClaimEvidence(reason=one.reason, facts=JSON(one.facts)) for one in evidence]


@strawberry.type(description="How a claim read until it was revised.")
class ClaimRevision:
    """An earlier reading."""

    confidence: float = strawberry.field(description="How sure it was.")
    replaced_at: datetime = strawberry.field(description="Until when it read so.")
    grounds: strawberry.Private[tuple[Evidence, ...]]

    @strawberry.field(description="Why; it may tell of both panels.", metadata=labelled(BOTH))
    def evidence(self) -> list[ClaimEvidence] | None:
        """The evidence."""
        return shown(self.grounds)


@strawberry.type(
    description="One claim of a role, or a person's word for or against it, and what became of it."
)
class WeighedClaim:
    """A claim."""

    source: str = strawberry.field(description="The plugin, or `human:` and the name of who says it.")
    part: Part = strawberry.field(description="What became of it.")
    against: bool = strawberry.field(description="Whether it says that the role is not held.")
    confidence: float = strawberry.field(description="How sure it is; 1 if a person says it.")
    since: datetime = strawberry.field(description="When it began.")
    until: datetime | None = strawberry.field(description="When it ended, or will by its own word.")
    revisions: list[ClaimRevision] = strawberry.field(
        description="How it read before, the latest first; at most 20."
    )
    grounds: strawberry.Private[tuple[Evidence, ...]]

    @strawberry.field(description="Why; it may tell of both panels.", metadata=labelled(BOTH))
    def evidence(self) -> list[ClaimEvidence] | None:
        """The evidence."""
        return shown(self.grounds)


@strawberry.type(description="What all that was ever said of one role within a membership comes to.")
class RoleVerdict:
    """A verdict."""

    role: str = strawberry.field(description="The role.")
    description: str | None = strawberry.field(
        description="Who holds it; null: no plugin registers it any more."
    )
    buying: bool = strawberry.field(description="Whether it belongs to the buying committee.")
    held: bool = strawberry.field(description="Whether the person holds it.")
    confidence: float | None = strawberry.field(
        description="How sure that is, all claims together; null: it is not held, or plugins infer it and the "
        "caller may "
        "not see both panels."
    )
    decision: Decided = strawberry.field(description="How it was decided.")
    explanation: str = strawberry.field(description="The same as a sentence, without evidence.")
    claims: list[WeighedClaim] = strawberry.field(
        description="All claims, those that decide first, those that have ended last; for whoever may not see "
        "both panels, "
        "what people said."
    )


@strawberry.type(description="Why a person holds the roles that they hold within a membership.")
class RoleExplanation:
    """An explanation."""

    membership: Membership | None = planned_object(Membership, description="The membership.")
    roles: list[RoleVerdict] = strawberry.field(
        description="Every role that was ever claimed here: those held first, the surest first. For whoever may "
        "not see "
        "both panels, those that are held, or that somebody spoke of, by name."
    )
    as_of: datetime = strawberry.field(description="The moment that is explained.")

    @classmethod
    def of(
        cls, found: explain.Explanation, kinds: dict[str, RoleKind], *, of_both_panels: bool
    ) -> RoleExplanation:
        """As GraphQL shows it, to those who see both panels or to those who do not."""
        verdicts = found.verdicts if of_both_panels else combine.by_name(found.verdicts)
        return cls(
            membership=membership_ref(*found.place),
            roles=[_verdict(one, found, kinds.get(one.role)) for one in verdicts],
            as_of=found.as_of,
        )


def _verdict(one: combine.Verdict, found: explain.Explanation, kind: RoleKind | None) -> RoleVerdict:
    return RoleVerdict(
        role=one.role,
        description=kind.description if kind is not None else None,
        buying=kind is not None and kind.buying,
        held=one.held,
        confidence=one.confidence,
        decision=one.decided,
        explanation=one.explanation,
        claims=[
            WeighedClaim(
                source=claim.said.source,
                part=claim.part,
                against=claim.said.against,
                confidence=claim.said.confidence,
                since=claim.said.since,
                until=claim.said.until,
                grounds=claim.said.evidence,
                revisions=[
                    ClaimRevision(
                        confidence=before.confidence, replaced_at=before.replaced_at, grounds=before.evidence
                    )
                    for before in found.revisions.get(claim.said.claim_id or 0, ())
                ],
            )
            for claim in one.claims
        ],
    )
