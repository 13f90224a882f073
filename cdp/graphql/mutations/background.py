"""Background work of plugins: jobs are started, stopped and retried, changes told again or given up."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID, JSON

from cdp import jobs
from cdp.access.scopes import Scope
from cdp.changes.note import queries as change_queries
from cdp.errors import BadInput, NotFound
from cdp.graphql.context import Info
from cdp.graphql.mutations.acts import record_act
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.objects import number_of
from cdp.model.ids import encode_id


@strawberry.input(description="A job to start.")
class JobStartInput:
    """Input of jobStart."""

    name: str = strawberry.field(description="Which kind, of `jobKinds`.")
    input: JSON | None = strawberry.field(default=None, description="An object: what it is given.")
    key: str | None = strawberry.field(
        default=None, description="Of two unfinished jobs of a kind with one key there is only the first."
    )


@strawberry.input(description="A job to stop.")
class JobCancelInput:
    """Input of jobCancel."""

    id: ID = strawberry.field(description="Its id.")


@strawberry.input(description="A job to try again.")
class JobRetryInput:
    """Input of jobRetry."""

    id: ID = strawberry.field(description="Its id.")


@strawberry.type(description="What jobStart did.")
class JobStartPayload:
    """Payload of jobStart."""

    job_id: ID | None = strawberry.field(default=None, description="Id of the job, as `jobs` shows it.")
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was started; empty where it was."
    )


@strawberry.type(description="What jobCancel did.")
class JobCancelPayload:
    """Payload of jobCancel."""

    job_id: ID | None = strawberry.field(
        default=None, description="Id of the job; one that runs is RUNNING until it listens."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type(description="What jobRetry did.")
class JobRetryPayload:
    """Payload of jobRetry."""

    job_id: ID | None = strawberry.field(default=None, description="Id of the job, as `jobs` shows it.")
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="Changes to tell again: one of `id` and `plugin`.")
class DeliveryRetryInput:
    """Input of deliveryRetry."""

    id: ID | None = strawberry.field(default=None, description="Id of a delivery.")
    plugin: str | None = strawberry.field(
        default=None, description="All that this plugin failed to take, dead or not."
    )


@strawberry.type(description="What deliveryRetry did.")
class DeliveryRetryPayload:
    """Payload of deliveryRetry."""

    retried: int = strawberry.field(default=0, description="How many are told again, from now on.")
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.input(description="Changes that nobody is to be told of any more: one of `id` and `plugin`.")
class DeliveryDiscardInput:
    """Input of deliveryDiscard."""

    id: ID | None = strawberry.field(default=None, description="Id of a delivery.")
    plugin: str | None = strawberry.field(
        default=None, description="All that this plugin was to be told, such as one that was uninstalled."
    )


@strawberry.type(description="What deliveryDiscard did.")
class DeliveryDiscardPayload:
    """Payload of deliveryDiscard."""

    discarded: int = strawberry.field(default=0, description="How many are gone.")
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type
class BackgroundMutations:
    """Mutations of background work."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Start a job of a plugin; a worker runs it, usually within a second.",
        shown=("name",),
    )
    async def job_start(self, info: Info, given: Given[JobStartInput]) -> JobStartPayload:
        """Start a job."""
        context = info.context
        if given.input is not None and not isinstance(given.input, dict):
            raise BadInput("The input of a job is an object.", field=("input",))
        async with context.services.database.transaction(context.workspace_id) as connection:
            job_id = await jobs.start(
                connection,
                context.workspace_id,
                context.services.plugins,
                given.name,
                input=given.input,
                key=given.key,
                by=f"key {context.caller.name}",
                now=context.services.clock(),
            )
            await record_act(context, connection)
        return JobStartPayload(job_id=ID(encode_id("Job", job_id)))

    @mutation(
        Scope.WORKSPACE_ADMIN, "Stop a job: at once where it waits, as soon as it listens where it runs."
    )
    async def job_cancel(self, info: Info, given: Given[JobCancelInput]) -> JobCancelPayload:
        """Stop a job."""
        context = info.context
        job_id = number_of("Job", given.id, "id")
        async with context.services.database.transaction(context.workspace_id) as connection:
            await jobs.cancel(connection, context.workspace_id, job_id, now=context.services.clock())
            await record_act(context, connection)
        return JobCancelPayload(job_id=ID(encode_id("Job", job_id)))

    @mutation(Scope.WORKSPACE_ADMIN, "Try a job again that failed or was cancelled, as if it were new.")
    async def job_retry(self, info: Info, given: Given[JobRetryInput]) -> JobRetryPayload:
        """Try a job again."""
        context = info.context
        job_id = number_of("Job", given.id, "id")
        async with context.services.database.transaction(context.workspace_id) as connection:
            await jobs.retry(connection, context.workspace_id, job_id, now=context.services.clock())
            await record_act(context, connection)
        return JobRetryPayload(job_id=ID(encode_id("Job", job_id)))

    @mutation(
        Scope.WORKSPACE_ADMIN, "Tell a plugin again, from now on, what it failed to take.", shown=("plugin",)
    )
    async def delivery_retry(self, info: Info, given: Given[DeliveryRetryInput]) -> DeliveryRetryPayload:
        """Tell again."""
        context = info.context
        number = _which(given.id, given.plugin)
        async with context.services.database.transaction(context.workspace_id) as connection:
            rows = await connection.fetch(
                change_queries.retry, context.workspace_id, number, given.plugin, context.services.clock()
            )
            if number is not None and not rows:
                raise NotFound("There is no such delivery that failed.", field=("id",))
            await connection.execute(change_queries.wake)
            await record_act(context, connection)
        return DeliveryRetryPayload(retried=len(rows))

    @mutation(Scope.WORKSPACE_ADMIN, "Give up changes that a plugin was to be told of.", shown=("plugin",))
    async def delivery_discard(
        self, info: Info, given: Given[DeliveryDiscardInput]
    ) -> DeliveryDiscardPayload:
        """Give up."""
        context = info.context
        number = _which(given.id, given.plugin)
        async with context.services.database.transaction(context.workspace_id) as connection:
            rows = await connection.fetch(change_queries.discard, context.workspace_id, number, given.plugin)
            if number is not None and not rows:
                raise NotFound("There is no such delivery in this workspace.", field=("id",))
            await record_act(context, connection)
        return DeliveryDiscardPayload(discarded=len(rows))


def _which(given: str | None, plugin: str | None) -> int | None:
    if (given is None) == (plugin is None):
        raise BadInput("Give either an id or a plugin.")
    return None if given is None else number_of("Delivery", given, "id")
