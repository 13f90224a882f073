"""How roles come about: why somebody holds them, what they are resolved with, and what a change of that would do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import ID, JSON

from cdp.access.scopes import Scope
from cdp.errors import BadInput, Forbidden
from cdp.graphql.context import Info
from cdp.graphql.labelled import labelled, needs
from cdp.graphql.memberships import Membership
from cdp.graphql.objects import account_of, person_of
from cdp.graphql.payloads import membership_ref, planned_object
from cdp.graphql.verdicts import ClaimEvidence, RoleExplanation, shown
from cdp.model import Evidence
from cdp.plan.labels import BOTH, lacking
from cdp.roles import backfill, explain, simulate
from cdp.roles.backfill import queries as backfill_queries
from cdp.roles.resolvers import resolvers

MOST_PEOPLE = 5_000
MOST_EXAMPLES = 20


@strawberry.type(description="A role that there is.")
class RoleKind:
    """A kind of role."""

    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="Who holds it.")
    buying: bool = strawberry.field(description="Whether it belongs to the buying committee.")
    needed: bool = strawberry.field(
        description="Whether a purchase lacks somebody while nobody in the account holds it."
    )


@strawberry.type(description="A plugin that is asked for roles or scores on behalf of this workspace.")
class RoleResolver:
    """A resolver."""

    plugin: str = strawberry.field(description="Its name.")
    version: str = strawberry.field(description="Its version.")
    hooks: list[str] = strawberry.field(description="What it is asked by.")
    settings: JSON = strawberry.field(
        description="Its settings here, the defaults included, secrets left out."
    )


@strawberry.type(
    description="Everybody is resolved anew: because resolvers changed, or somebody asked for it."
)
class RoleBackfill:
    """Progress."""

    reason: str = strawberry.field(description="Why.")
    total: int = strawberry.field(description="How many people there were when it started.")
    done: int = strawberry.field(
        description="How many of them were handed to the worker; all but the last 500 at most are resolved."
    )
    started_at: datetime = strawberry.field(description="When it started.")
    finished_at: datetime | None = strawberry.field(description="When it was done; null: it goes on.")

    @classmethod
    def of(cls, one: backfill.Backfill) -> RoleBackfill:
        """As GraphQL shows it."""
        return cls(
            reason=one.reason,
            total=one.total,
            done=one.done,
            started_at=one.started_at,
            finished_at=one.finished_at,
        )


@strawberry.type(description="What roles of this workspace are resolved with, and how far that has come.")
class RoleResolution:
    """The state of resolution."""

    roles: list[RoleKind] = strawberry.field(description="All roles, those of the core first.")
    resolvers: list[RoleResolver] = strawberry.field(description="Who is asked, by name.")
    fingerprint: str | None = strawberry.field(
        description="Differs when resolvers, their code, their settings or the workspace's thresholds do: a change "
        "starts a backfill within seconds. Null: no worker has looked yet."
    )
    since: datetime | None = strawberry.field(description="Since when it is resolved with these.")
    backfills: list[RoleBackfill] = strawberry.field(description="The latest backfills, the last one first.")


@strawberry.input(description="What is supposed of one plugin; nothing is changed.")
class RoleSimulationInput:
    """A supposition."""

    plugin: str = strawberry.field(description="Its name.")
    enabled: bool | None = strawberry.field(
        default=None, description="Whether it would be called; null: as it is now."
    )
    settings: JSON | None = strawberry.field(
        default=None, description="Settings that would be changed, by name, as in pluginConfigure."
    )


@strawberry.type(
    description="What would become of one role, counted over the memberships that were looked at."
)
class RoleChangeCount:
    """Counts."""

    role: str = strawberry.field(description="The role.")
    before: int = strawberry.field(description="How many hold it.")
    after: int = strawberry.field(description="How many would hold it.")
    gained: int = strawberry.field(description="How many would come to hold it.")
    lost: int = strawberry.field(description="How many would not hold it any more.")
    surer: int = strawberry.field(description="How many would hold it with more confidence.")
    less_sure: int = strawberry.field(description="How many would hold it with less confidence.")


@strawberry.type(description="One role of one membership that would change.")
class RoleChangeExample:
    """An example."""

    membership: Membership | None = planned_object(Membership, description="The membership, as it is now.")
    role: str = strawberry.field(description="The role.")
    before: float | None = strawberry.field(description="Confidence now; null: it is not held.")
    after: float | None = strawberry.field(description="Confidence then; null: it would not be held.")
    explanation: str = strawberry.field(description="How it would be decided.")
    grounds: strawberry.Private[tuple[Evidence, ...]]

    @strawberry.field(
        description="What the plugin would say for it, or what it says now; it may tell of both panels.",
        metadata=labelled(BOTH),
    )
    def evidence(self) -> list[ClaimEvidence] | None:
        """The evidence."""
        return shown(self.grounds)


@strawberry.type(description="What would change, worked out on people as they are now.")
class RoleSimulation:
    """A simulation."""

    people: int = strawberry.field(description="How many people there are.")
    examined: int = strawberry.field(
        description="Of how many it was worked out; fewer: a sample, spread evenly."
    )
    memberships: int = strawberry.field(description="How many memberships they have.")
    changed: int = strawberry.field(description="In how many of these a role would change.")
    failed: int = strawberry.field(description="Of how many the plugin failed to answer; they are left out.")
    roles: list[RoleChangeCount] = strawberry.field(description="The roles that would change, by name.")
    examples: list[RoleChangeExample] = strawberry.field(description="Examples, the largest changes first.")

    @classmethod
    def of(cls, found: simulate.Simulation) -> RoleSimulation:
        """As GraphQL shows it."""
        return cls(
            people=found.people,
            examined=found.examined,
            memberships=found.memberships,
            changed=found.changed,
            failed=found.failed,
            roles=[
                RoleChangeCount(
                    role=one.role,
                    before=one.before,
                    after=one.after,
                    gained=one.gained,
                    lost=one.lost,
                    surer=one.surer,
                    less_sure=one.less_sure,
                )
                for one in found.roles
            ],
            examples=[
                RoleChangeExample(
                    membership=membership_ref(*one.place),
                    role=one.role,
                    before=one.before,
                    after=one.after,
                    explanation=one.explanation,
                    grounds=one.evidence,
                )
                for one in found.examples
            ],
        )


@strawberry.type
class RoleQuery:
    """The fields of Query about how roles come about."""

    @strawberry.field(
        description="Why does a person hold these roles here, and not others? Every claim, what was combined how, and "
        "what decided.",
        metadata=needs(Scope.PROFILES_READ),
    )
    async def role_explain(
        self,
        info: Info,
        person: Annotated[ID, strawberry.argument(description="Id of the profile.")],
        account: Annotated[
            ID | None,
            strawberry.argument(description="Id of the account; null: the membership with themselves."),
        ] = None,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="A time in the past, as far as history is kept, for those who see both panels; null: now."
            ),
        ] = None,
    ) -> RoleExplanation | None:
        """Claims, verdicts, history."""
        context = info.context
        missing = lacking(BOTH, context.scopes)
        if as_of is not None and missing is not None:
            raise Forbidden(f"To ask how roles were at another time needs the scope {missing.value}.")
        workspace_id = context.workspace_id
        async with context.connection() as connection:
            profile_id = await person_of(connection, workspace_id, person, "person")
            account_id = await account_of(connection, workspace_id, account, "account")
            found = await explain.explain(
                connection, workspace_id, profile_id, account_id, as_of=as_of or context.as_of
            )
        return RoleExplanation.of(
            found, dict(context.services.plugins.roles()), of_both_panels=missing is None
        )

    @strawberry.field(
        description="What roles are resolved with, and how far a change of that has come; for administrators.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def role_resolution(self, info: Info) -> RoleResolution | None:
        """Resolvers and backfills."""
        context = info.context
        plugins = context.services.plugins
        workspace = await context.workspace()
        async with context.connection() as connection:
            noted = await connection.fetchrow(backfill_queries.resolution, workspace.workspace_id)
            recent = await backfill.recent(connection, workspace.workspace_id)
        return RoleResolution(
            roles=[
                RoleKind(name=kind.name, description=kind.description, buying=kind.buying, needed=kind.needed)
                for kind in plugins.roles().values()
            ],
            resolvers=[
                RoleResolver(
                    plugin=one.plugin, version=one.version, hooks=list(one.hooks), settings=JSON(one.settings)
                )
                for one in resolvers(plugins, workspace)
            ],
            fingerprint=noted["fingerprint"] if noted is not None else None,
            since=noted["noted_at"] if noted is not None else None,
            backfills=[RoleBackfill.of(one) for one in recent],
        )

    @strawberry.field(
        description="What would change if a plugin were turned on or off, or set otherwise? Roles are resolved twice, "
        "as it is and as is supposed, and compared; nothing is written. For administrators.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def role_simulation(
        self,
        info: Info,
        suppose: Annotated[RoleSimulationInput, strawberry.argument(description="What is supposed.")],
        people: Annotated[
            int,
            strawberry.argument(
                description="How many people to look at; of more, a sample that is spread evenly."
            ),
        ] = 1_000,
        examples: Annotated[int, strawberry.argument(description="How many examples to give.")] = 5,
    ) -> RoleSimulation | None:
        """A dry run."""
        context = info.context
        if not 1 <= people <= MOST_PEOPLE:
            raise BadInput(f"Look at 1 to {MOST_PEOPLE:,} people.", field=("people",))
        if not 0 <= examples <= MOST_EXAMPLES:
            raise BadInput(f"0 to {MOST_EXAMPLES} examples can be given.", field=("examples",))
        settings: object = suppose.settings if suppose.settings is not None else {}
        if not isinstance(settings, dict):
            raise BadInput("The settings are an object, such as {limit: 10}.", field=("settings",))
        found = await simulate.simulate(
            context.services.database,
            await context.workspace(),
            context.services.plugins,
            simulate.Supposition(plugin=suppose.plugin, enabled=suppose.enabled, settings=settings),
            most=people,
            examples=examples,
            now=context.as_of,
        )
        return RoleSimulation.of(found)
