"""People: join two profiles, take one apart, state something about a person."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping

import strawberry

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.errors import BadInput, Conflict
from cdp.graphql.context import Context, Info
from cdp.graphql.identifiers import IdentifierInput
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import Writing, write
from cdp.graphql.objects import identifier_of, identifiers_of, person_of, traits_of
from cdp.graphql.payloads import planned_object, profile_ref
from cdp.graphql.profiles import Profile
from cdp.graphql.scalars import JSON
from cdp.identity.kinds import EMAIL, PHONE, Kinds, kind_of, strongest_first
from cdp.identity.merge import merge
from cdp.identity.profiles import find, nodes_of
from cdp.identity.split import split
from cdp.model import Event, EventType, Identifier, ProfileId, WorkspaceId


@strawberry.input(description="Two profiles that are one person.")
class ProfileMergeInput:
    """Input of profileMerge."""

    into: strawberry.ID = strawberry.field(description="The profile that stays, with its id.")
    from_: strawberry.ID = strawberry.field(
        name="from", description="The profile that goes into it; its id keeps resolving, to the other one."
    )
    reason: str | None = strawberry.field(
        default=None, description="Why, in a sentence; kept as evidence and shown by identityExplain."
    )


@strawberry.type(description="What profileMerge did.")
class ProfileMergePayload:
    """Payload of profileMerge."""

    profile: Profile | None = planned_object(
        Profile, description="The one profile of both; null where nothing was merged."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was merged; empty where it was."
    )


@strawberry.input(description="Identifiers that belong to somebody else.")
class ProfileSplitInput:
    """Input of profileSplit."""

    profile: strawberry.ID = strawberry.field(description="The profile to take apart.")
    identifiers: list[IdentifierInput] = strawberry.field(
        description="These leave, into a profile of their own, with everything that was recorded for them."
    )
    reason: str | None = strawberry.field(
        default=None, description="Why, in a sentence; kept as evidence and shown by identityExplain."
    )


@strawberry.type(description="What profileSplit did.")
class ProfileSplitPayload:
    """Payload of profileSplit."""

    remaining: Profile | None = planned_object(
        Profile, description="What stays of the profile; null where nothing was split."
    )
    separated: Profile | None = planned_object(
        Profile, description="The profile of the identifiers that left; null where nothing was split."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was split; empty where it was."
    )


@strawberry.input(description="What is stated about a person.")
class ProfileUpdateInput:
    """Input of profileUpdate."""

    profile: strawberry.ID = strawberry.field(description="The person.")
    traits: JSON | None = strawberry.field(
        default=None,
        description="An object of traits; each overrides what was known under its name until now.",
    )
    add_identifiers: list[IdentifierInput] = strawberry.field(
        default_factory=list,
        description="Further identifiers of the person. One that another profile holds is refused: "
        "that is what profileMerge is for.",
    )


@strawberry.type(description="What profileUpdate did.")
class ProfileUpdatePayload:
    """Payload of profileUpdate."""

    profile: Profile | None = planned_object(
        Profile, description="The person as known now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class ProfileMutations:
    """Mutations of people."""

    @mutation(
        Scope.PROFILES_WRITE,
        "Join two profiles that are one person. It overrides what automatic linking refused, and profileSplit takes it "
        "back.",
    )
    async def profile_merge(self, info: Info, given: Given[ProfileMergeInput]) -> ProfileMergePayload:
        """Merge, by a person's word."""

        async def work(writing: Writing) -> ProfileId:
            into = await person_of(writing.connection, writing.workspace_id, given.into, "into")
            from_ = await person_of(writing.connection, writing.workspace_id, given.from_, "from")
            writing.gone.add(from_)
            survivor = await merge(
                writing.connection,
                writing.workspace_id,
                into,
                from_,
                by=writing.by,
                reason=given.reason,
                now=writing.now,
                kinds=info.context.services.accumulator.kinds,
            )
            writing.touched.add(survivor)
            return survivor

        return ProfileMergePayload(profile=profile_ref(await write(info.context, work)))

    @mutation(
        Scope.PROFILES_WRITE,
        "Take identifiers out of a profile, exactly: both sides read as if they had never been joined, and automatic "
        "linking leaves them apart.",
    )
    async def profile_split(self, info: Info, given: Given[ProfileSplitInput]) -> ProfileSplitPayload:
        """Split, by a person's word."""
        kinds = info.context.services.accumulator.kinds

        async def work(writing: Writing) -> tuple[ProfileId, ProfileId]:
            profile_id = await person_of(writing.connection, writing.workspace_id, given.profile, "profile")
            sides = await split(
                writing.connection,
                writing.workspace_id,
                profile_id,
                identifiers_of(kinds, writing.workspace, given.identifiers, "identifiers"),
                by=writing.by,
                reason=given.reason,
                now=writing.now,
                kinds=kinds,
            )
            writing.touched.update(sides)
            return sides

        remaining, separated = await write(info.context, work)
        return ProfileSplitPayload(remaining=profile_ref(remaining), separated=profile_ref(separated))

    @mutation(
        Scope.PROFILES_WRITE,
        "State traits and identifiers of a person. It is an event like any other, so that it is kept, dated and "
        "replayable; what is stated last holds.",
    )
    async def profile_update(self, info: Info, given: Given[ProfileUpdateInput]) -> ProfileUpdatePayload:
        """An identify event, by a person's word."""
        event, profile_id = await _statement(info.context, given)
        result = await info.context.services.intake.state(info.context.workspace_id, event)
        if result.refusal is not None:
            raise BadInput(result.refusal.message, field=("traits",))
        return ProfileUpdatePayload(profile=profile_ref(profile_id))


async def _statement(context: Context, given: ProfileUpdateInput) -> tuple[Event, ProfileId]:
    """What is stated, as an event on the person's strongest identifier; and the person.

    Raises:
        NotFound: there is no such profile.
        BadInput: nothing is stated, or something that cannot be used.
        Conflict: an identifier belongs to somebody else.
    """
    workspace = await context.workspace()
    kinds = context.services.accumulator.kinds
    traits = traits_of(given.traits, "traits")
    added = {
        identifier: ("addIdentifiers", str(index))
        for index, identifier in enumerate(
            identifiers_of(kinds, workspace, given.add_identifiers, "addIdentifiers")
        )
    }
    for kind in (EMAIL, PHONE):
        if traits.get(kind) is not None:
            added[identifier_of(kinds, workspace, kind, traits[kind], "traits", kind)] = ("traits", kind)
    if not traits and not added:
        raise BadInput("State at least one trait or one identifier.")
    # One snapshot: between two statements a merge might take every node away.
    async with context.services.database.transaction(
        context.workspace_id, isolation="repeatable_read", readonly=True
    ) as connection:
        profile_id = await person_of(connection, context.workspace_id, given.profile, "profile")
        nodes = await nodes_of(connection, context.workspace_id, profile_id, kinds)
        await _check_free(connection, context.workspace_id, profile_id, added)
    _check_limits(kinds, [identifier for _, identifier in nodes], added)
    now = context.services.clock()
    return (
        Event(
            message_id=f"profileUpdate-{uuid.uuid4()}",
            type=EventType.IDENTIFY,
            name="Identified",
            occurred_at=now,
            received_at=now,
            identifiers=strongest_first(kinds, [nodes[0][1], *added]),
            properties=traits,
            source=f"human:{context.caller.name}",
        ),
        profile_id,
    )


async def _check_free(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_id: ProfileId,
    added: Mapping[Identifier, tuple[str, ...]],
) -> None:
    """See that nobody else holds these identifiers; each comes with the path to it.

    Raises:
        Conflict: somebody does.
    """
    for identifier, field in added.items():
        if await find(connection, workspace_id, identifier) not in {None, profile_id}:
            raise Conflict(
                f"Another profile holds this {identifier.kind}; use profileMerge if the two are one person.",
                field=field,
            )


def _check_limits(
    kinds: Kinds, held: Collection[Identifier], added: Mapping[Identifier, tuple[str, ...]]
) -> None:
    """See that the person may hold these identifiers besides their own, so that none becomes somebody else's.

    Raises:
        Conflict: there would be too many of one kind.
    """
    counts = Counter(identifier.kind for identifier in held)
    for identifier, field in added.items():
        if identifier in held:
            continue
        counts[identifier.kind] += 1
        if counts[identifier.kind] > (limit := kind_of(kinds, identifier.kind).limit):
            raise Conflict(f"A person has at most {limit} of the kind {identifier.kind}.", field=field)
