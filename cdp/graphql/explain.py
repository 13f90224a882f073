"""Why two identifiers are, or are not, one person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry

from cdp.access.scopes import Scope
from cdp.errors import BadInput
from cdp.graphql.context import Context, Info
from cdp.graphql.identifiers import IdentifierInput
from cdp.graphql.labelled import labelled, needs
from cdp.graphql.objects import identifier_of, number_of
from cdp.graphql.scalars import JSON
from cdp.identity.explain import ExplainedLink, explain
from cdp.model import Identifier, ProfileId
from cdp.model.ids import encode_id
from cdp.plan.labels import BOTH, lacking


@strawberry.enum(description="What became of a possible link between two identifiers.")
class LinkState(Enum):
    """States of a link."""

    ACCEPTED = strawberry.enum_value("ACCEPTED", description="The two are the same person.")
    REFUSED = strawberry.enum_value(
        "REFUSED", description="They were seen together, and a rule forbids to take them for one person."
    )
    CUT = strawberry.enum_value(
        "CUT", description="They were one person until a split; nothing but profileMerge joins them again."
    )


@strawberry.type(description="One end of a link.")
class LinkEnd:
    """An identifier in an explanation."""

    kind: str = strawberry.field(description="Kind of the identifier, such as `email`.")
    value: str = strawberry.field(description="Its value, as its kind is written.")

    @classmethod
    def of(cls, identifier: Identifier) -> LinkEnd:
        """As GraphQL shows it."""
        return cls(kind=identifier.kind, value=identifier.value)


@strawberry.type(description="What is known about one pair of identifiers.")
class IdentityLink:
    """A link between two identifiers, with its evidence."""

    from_: LinkEnd = strawberry.field(
        name="from", description="One of the two; in a chain, the one it comes from."
    )
    to: LinkEnd = strawberry.field(description="The other one.")
    state: LinkState = strawberry.field(description="What became of it.")
    rule: str = strawberry.field(
        description="By which rule. Accepted: `seen_together`, `alias`, `page` (a web page says so, without proof), "
        "`manual`, `split_kept`; refused: `unique`, `limit`, `cut`, `veto`, `unproven`; cut: `split`."
    )
    reason: str | None = strawberry.field(
        description="A sentence for a person; what was written with the merge or the split."
    )
    seen: strawberry.Private[Mapping[str, Any]]
    first_at: datetime = strawberry.field(description="When it was first seen.")
    # Whoever sees one panel would learn of the other.
    times: int | None = strawberry.field(
        description="How often it was seen, by events of either panel.", metadata=labelled(BOTH)
    )
    last_at: datetime | None = strawberry.field(
        description="When it was last seen, by an event of either panel.", metadata=labelled(BOTH)
    )

    @strawberry.field(
        description="What was seen first: `messageId`, `type` and `source` of the event, or the `mutation`, `by` whom. "
        "Without `messageId` for whoever may not see both panels: the event may be of either."
    )
    def evidence(self, info: Info) -> JSON:
        """Ids of messages are their senders' own words."""
        if lacking(BOTH, info.context.scopes) is None:
            return JSON(self.seen)
        return JSON({name: value for name, value in self.seen.items() if name != "messageId"})

    @classmethod
    def of(cls, link: ExplainedLink) -> IdentityLink:
        """As GraphQL shows it."""
        return cls(
            from_=LinkEnd.of(link.one),
            to=LinkEnd.of(link.other),
            state=LinkState(link.state),
            rule=link.rule,
            reason=link.reason,
            seen=link.evidence,
            first_at=link.first_at,
            times=link.times,
            last_at=link.last_at,
        )


@strawberry.type(description="Whether two identifiers are one person, and what speaks for it and against it.")
class IdentityExplanation:
    """An explanation."""

    same: bool = strawberry.field(description="Whether the two are one person.")
    profile_a: strawberry.ID | None = strawberry.field(
        description="Id of the profile of the first; null: the identifier was never seen."
    )
    profile_b: strawberry.ID | None = strawberry.field(
        description="Id of the profile of the second; null: the identifier was never seen."
    )
    chain: list[IdentityLink] = strawberry.field(
        description="The fewest accepted links from the first to the second; empty where they are not one person."
    )
    refused: list[IdentityLink] = strawberry.field(
        description="Links of either that a rule forbade, those between the two first."
    )
    cut: list[IdentityLink] = strawberry.field(
        description="Links of either that a split cut, those between the two first."
    )


@strawberry.type
class ExplainQuery:
    """The explanation's field of Query."""

    @strawberry.field(
        description="Why are these two one person, or why not? Give two identifiers, or two profiles (their ids from "
        "before a merge too), or one of each.",
        metadata=needs(Scope.PROFILES_READ, Scope.PII_READ),
    )
    async def identity_explain(
        self,
        info: Info,
        a: Annotated[IdentifierInput | None, strawberry.argument(description="The first identifier.")] = None,
        b: Annotated[
            IdentifierInput | None, strawberry.argument(description="The second identifier.")
        ] = None,
        profile_a: Annotated[
            strawberry.ID | None, strawberry.argument(description="The first, as the id of a profile.")
        ] = None,
        profile_b: Annotated[
            strawberry.ID | None, strawberry.argument(description="The second, as the id of a profile.")
        ] = None,
    ) -> IdentityExplanation | None:
        """The chain of links with its evidence; what was refused and cut, with the reasons."""
        one = await _end(info.context, "a", a, profile_a)
        other = await _end(info.context, "b", b, profile_b)
        async with info.context.connection() as connection:
            found = await explain(connection, info.context.workspace_id, one, other)
        return IdentityExplanation(
            same=found.same,
            profile_a=_profile_id(found.one),
            profile_b=_profile_id(found.other),
            chain=[IdentityLink.of(link) for link in found.chain],
            refused=[IdentityLink.of(link) for link in found.refused],
            cut=[IdentityLink.of(link) for link in found.cut],
        )


async def _end(
    context: Context, name: str, identifier: IdentifierInput | None, profile: str | None
) -> Identifier | ProfileId:
    """What one end was given as.

    Raises:
        BadInput: neither or both were given, or the identifier cannot be one.
    """
    if (identifier is None) == (profile is None):
        raise BadInput(f"Give either {name} or profile{name.upper()}.", field=(name,))
    if identifier is not None:
        kinds = context.services.accumulator.kinds
        return identifier_of(kinds, await context.workspace(), identifier.kind, identifier.value, name)
    return ProfileId(number_of("Profile", profile or "", f"profile{name.upper()}"))


def _profile_id(profile_id: ProfileId | None) -> strawberry.ID | None:
    return None if profile_id is None else strawberry.ID(encode_id("Profile", profile_id))
