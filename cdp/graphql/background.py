"""Background work of plugins, for administrators: jobs, schedules, and changes that are still to be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from strawberry.scalars import ID, JSON

from cdp.access.scopes import Scope as Permission
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.nodes import Node, global_id
from cdp.graphql.paging import Connection, forwards
from cdp.graphql.vocabulary import describe
from cdp.hooks.settings import json_schema
from cdp.jobs.store import queries as job_queries
from cdp.model import Job, Schedule
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Connected, Given, argument, column, planned
from cdp.plan.labels import ADMIN, Label
from cdp.plan.moment import Moment
from cdp.plan.statement import Scope, as_text
from cdp.plan.values import Leaf

_JOB = SortKey(sql="j.job_id", sql_type="int8")
_DELIVERY = SortKey(sql="d.delivery_id", sql_type="int8")
_FROM_OTHERS = {Label.ADMIN: "false"}
"""None of these exists for anybody but administrators, whatever way they are asked for."""

JOBS = Entity(
    type_name="Job",
    alias="j",
    source="job j",
    key=(_JOB,),
    visible="j.workspace_id = $1",
    hidden=_FROM_OTHERS,
    by_id="j.job_id = {key_0}",
    order=((_JOB, True),),
)
DELIVERIES = Entity(
    type_name="Delivery",
    alias="d",
    source="change_delivery d",
    key=(_DELIVERY,),
    visible="d.workspace_id = $1",
    hidden=_FROM_OTHERS,
    by_id="d.delivery_id = {key_0}",
    order=((_DELIVERY, False),),
)


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class DeliveryState(StrEnum):
    """How a delivery stands."""

    WAITING = "WAITING"
    DEAD = "DEAD"


describe(
    JobState,
    "How a job stands.",
    {
        "WAITING": "To be run, or tried again, at `retryAt`.",
        "RUNNING": "A worker is at it.",
        "DONE": "It ended well.",
        "FAILED": "It failed as often as it may; jobRetry tries it again.",
        "CANCELLED": "Somebody stopped it; jobRetry tries it again.",
    },
)
describe(
    DeliveryState,
    "How a change stands that a plugin is to be told of.",
    {
        "WAITING": "It is told at `dueAt`.",
        "DEAD": "The plugin failed to take it too often; deliveryRetry tells it again, and so does the next change of "
        "the same thing.",
    },
)


def _equal(**columns: str) -> Callable[[Scope, Given, frozenset[Any]], Sequence[str]]:
    """Conditions of arguments that may be left out: the column is what was given."""

    def conditions(scope: Scope, given: Given, _scopes: frozenset[Any]) -> Sequence[str]:
        found = []
        for name, sql in columns.items():
            wanted = given.get(name)
            if isinstance(wanted, Leaf):
                value = scope.bind(wanted, "text", _text)
                found.append(f"({value}::text IS NULL OR {sql} = {value})")
            elif wanted is not None:  # an enum's value
                found.append(f"{sql} = {scope.statement.constant(str(wanted), 'text')}")
        return found

    return conditions


def _text(value: Any, moment: Moment) -> str | None:
    return None if value is None else as_text(value, moment)


@strawberry.type(name="Job", description="Background work of a plugin on behalf of the workspace.")
class JobType(Node):
    """A job; kept for 30 days after it is over."""

    id: ID = global_id("Job", "j.job_id")
    plugin: str = column("j.plugin", description="Whose job it is.")
    name: str = column("j.name", description="Which kind of job.")
    state: JobState = column("j.state", description="How it stands.")
    attempts: int = column("j.attempts", description="How often it was tried, the present attempt included.")
    started_by: str = column(
        "j.started_by", description="Who started it: a key, a schedule, the plugin, the command line."
    )
    input: JSON = column("j.input", description="What it was given.")
    result: JSON | None = column("j.result", description="What it answered.")
    error: str | None = column(
        "j.error",
        description="Why the last attempt failed, in the plugin's words; it may quote personal data.",
    )
    done: int = column("j.done", description="Units of work done in this attempt, whatever a unit is.")
    total: int | None = column("j.total", description="Of how many; null: not known.")
    message: str | None = column("j.message", description="What it says of how far it is.")
    cancel_asked: bool = column("j.cancel_asked", description="Whether somebody wants it stopped.")
    created_at: datetime = column("j.created_at", description="When it was started.")
    due_at: datetime = column("j.due_at", description="What it is for: of a scheduled job the tick.")
    retry_at: datetime = column("j.retry_at", description="When it is tried, at the earliest.")
    began_at: datetime | None = column("j.began_at", description="When its last attempt began.")
    finished_at: datetime | None = column("j.finished_at", description="When it was over.")


@strawberry.type(name="Delivery", description="A change that a plugin has not been told of yet.")
class DeliveryType(Node):
    """A delivery; one that was made is gone."""

    id: ID = global_id("Delivery", "d.delivery_id")
    plugin: str = column("d.plugin", description="Who is to be told.")
    hook: str = column("d.hook", description="By which hook, such as `on_role_changed`.")
    profile_id: ID = global_id("Profile", "d.profile_id")
    state: DeliveryState = column("d.state", description="How it stands.")
    attempts: int = column("d.attempts", description="How often the plugin failed to take it.")
    noted_at: datetime = column("d.noted_at", description="When the first of the changes in it was noted.")
    due_at: datetime = column("d.due_at", description="When it is told, at the earliest.")
    error: str | None = column(
        "d.error",
        description="Why the last attempt failed, in the plugin's words; it may quote personal data.",
    )
    failed_at: datetime | None = column("d.failed_at", description="When that was.")


@strawberry.type(name="JobKind", description="A kind of job that can be started.")
class JobKindType:
    """What a plugin offers."""

    name: str = strawberry.field(description="Its name, for jobStart.")
    plugin: str = strawberry.field(description="Whose it is.")
    description: str = strawberry.field(description="What it does.")
    input_schema: JSON | None = strawberry.field(description="JSON schema of its input; null: it takes none.")
    attempts: int = strawberry.field(description="Most times that it is tried.")

    @classmethod
    def of(cls, plugin: str, job: Job) -> JobKindType:
        """As GraphQL shows it."""
        schema: Any = None
        if job.input is not None:
            (reference,), components = json_schema(job.input)
            schema = components.pop(reference["$ref"].rpartition("/")[2])
            schema = {**schema, "$defs": components} if components else schema
        return cls(
            name=job.name,
            plugin=plugin,
            description=job.description,
            input_schema=schema,
            attempts=job.attempts,
        )


@strawberry.type(name="JobSchedule", description="When a job is started by itself.")
class JobScheduleType:
    """A schedule, as a plugin declares it."""

    name: str = strawberry.field(description="Its name.")
    plugin: str = strawberry.field(description="Whose it is.")
    job: str = strawberry.field(description="Name of the job that it starts.")
    cron: str = strawberry.field(description="Minute, hour, day of month, month, day of week.")
    time_zone: str = strawberry.field(description="Whose clock that is.")
    next_at: datetime | None = strawberry.field(description="When it ticks next; null: not reckoned yet.")
    last_at: datetime | None = strawberry.field(description="The last tick that started a job.")


@strawberry.type
class BackgroundQuery:
    """Fields of Query about background work."""

    jobs: Connection[JobType] | None = planned(
        Connected(
            entity=lambda: JOBS,
            conditions=_equal(plugin="j.plugin", name="j.name", state="j.state"),
            labels=ADMIN,
        ),
        arguments=[
            argument("plugin", str | None, "Only those of this plugin.", None),
            argument("name", str | None, "Only those of this kind.", None),
            argument("state", JobState | None, "Only those that stand so.", None),
            *forwards(),
        ],
        description="Background work of plugins, the latest first; for administrators.",
    )
    deliveries: Connection[DeliveryType] | None = planned(
        Connected(
            entity=lambda: DELIVERIES,
            conditions=_equal(plugin="d.plugin", hook="d.hook", state="d.state"),
            labels=ADMIN,
        ),
        arguments=[
            argument("plugin", str | None, "Only those for this plugin.", None),
            argument("hook", str | None, "Only those by this hook.", None),
            argument("state", DeliveryState | None, "Only those that stand so.", None),
            *forwards(),
        ],
        description="Changes that plugins have not been told of, in the order in which they are; for administrators.",
    )

    @strawberry.field(
        description="Jobs that can be started; for administrators.",
        metadata=needs(Permission.WORKSPACE_ADMIN),
    )
    def job_kinds(self, info: Info) -> list[JobKindType] | None:
        """What plugins offer."""
        registered = info.context.services.plugins.registered("register_jobs")
        return [JobKindType.of(plugin, job) for plugin, job in registered]

    @strawberry.field(
        description="When jobs are started by themselves in this workspace; for administrators.",
        metadata=needs(Permission.WORKSPACE_ADMIN),
    )
    async def job_schedules(self, info: Info) -> list[JobScheduleType] | None:
        """What plugins declare, and when it ticks."""
        context = info.context
        async with context.connection() as connection:
            rows = await connection.fetch(job_queries.schedules, context.workspace_id)
        known = {(row["plugin"], row["name"]): row for row in rows}
        declared: list[tuple[str, Schedule]] = context.services.plugins.registered("register_schedules")
        return [
            JobScheduleType(
                name=one.name,
                plugin=plugin,
                job=one.job,
                cron=one.cron,
                time_zone=one.time_zone,
                next_at=row["next_at"] if (row := known.get((plugin, one.name))) is not None else None,
                last_at=row["last_at"] if row is not None else None,
            )
            for plugin, one in declared
        ]
