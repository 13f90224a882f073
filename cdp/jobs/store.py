"""The tables of jobs: started in a transaction of whoever starts them, taken by workers by lease."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, NotFound
from cdp.hooks.manager import Plugins
from cdp.model import Job, WorkspaceId

queries = load_queries("cdp.jobs", "store.sql")

LARGEST = 32 * 1024
"""Bytes of a job's input, and of its result, as JSON."""
KEPT = timedelta(days=30)
"""So long are jobs kept that are over."""
_CHUNK = 1_000


class JobRow(Struct, frozen=True, kw_only=True):
    """One job as it stands."""

    job_id: int
    plugin: str
    name: str
    state: str
    attempts: int
    started_by: str
    created_at: datetime
    due_at: datetime
    retry_at: datetime
    began_at: datetime | None
    finished_at: datetime | None
    cancel_asked: bool
    done: int
    total: int | None
    message: str | None
    error: str | None


def find(plugins: Plugins, name: str) -> tuple[str, Job]:
    """A job by its name, and the plugin that offers it.

    Raises:
        NotFound: no plugin of this process does.
    """
    jobs: list[tuple[str, Job]] = plugins.registered("register_jobs")
    for plugin, job in jobs:
        if job.name == name:
            return plugin, job
    known = ", ".join(sorted(job.name for _, job in jobs)) or "none"
    raise NotFound(f"There is no job {name[:80]!r}; there are: {known}.", field=("name",))


def check_input(job: Job, given: Mapping[str, Any]) -> Any:
    """The input as the job's function is given it; None where it takes none.

    Raises:
        BadInput: it does not fit.
    """
    if job.input is None:
        if given:
            raise BadInput(f"The job {job.name} takes no input.", field=("input",))
        return None
    try:
        return msgspec.convert(given, job.input)
    except msgspec.ValidationError as error:
        raise BadInput(f"The input does not fit the job {job.name}: {error}.", field=("input",)) from None


async def start(
    connection: Connection,
    workspace_id: WorkspaceId,
    plugins: Plugins,
    name: str,
    *,
    input: Mapping[str, Any] | None = None,  # noqa: A002 - what a job calls it
    key: str | None = None,
    by: str,
    now: datetime,
    due_at: datetime | None = None,
) -> int:
    """Have a job done once the transaction commits; its id.

    Args:
        connection: bound to the workspace.
        workspace_id: on whose behalf.
        plugins: who offers jobs.
        name: of the job.
        input: what it is given.
        key: of two unfinished jobs with one key there is only the first.
        by: who starts it, for a person to read.
        now: the current time.
        due_at: what the job is told of when it should be done; now.

    Raises:
        NotFound: there is no such job.
        BadInput: the input does not fit it, or is too large.
    """
    plugin, job = find(plugins, name)
    check_input(job, input or {})
    text = msgspec.json.encode(dict(input or {}))
    if len(text) > LARGEST:
        raise BadInput(f"The input has {len(text)} bytes; {LARGEST} are allowed.", field=("input",))
    for _ in range(10):
        job_id = await connection.fetchval(
            queries.start, workspace_id, plugin, name, key, text.decode(), by, now, due_at or now
        )
        if job_id is None:
            job_id = await connection.fetchval(queries.unfinished_of_key, workspace_id, plugin, name, key)
        if job_id is not None:
            await connection.execute(queries.wake)
            return int(job_id)
    raise Conflict(f"Jobs {name} of this key come and go at this moment; try again.")


async def cancel(connection: Connection, workspace_id: WorkspaceId, job_id: int, *, now: datetime) -> None:
    """Have a job stopped: at once if it waits, as soon as it listens if it runs.

    Raises:
        NotFound: there is no such job.
        Conflict: it is over.
    """
    if await connection.fetchval(queries.cancel, workspace_id, job_id, now) is None:
        raise await _why_not(connection, workspace_id, job_id)


async def retry(connection: Connection, workspace_id: WorkspaceId, job_id: int, *, now: datetime) -> None:
    """Try a job again that failed or was cancelled.

    Raises:
        NotFound: there is no such job.
        Conflict: it neither failed nor was cancelled.
    """
    if await connection.fetchval(queries.retry, workspace_id, job_id, now) is None:
        raise await _why_not(connection, workspace_id, job_id)
    await connection.execute(queries.wake)


async def latest(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    plugin: str | None = None,
    state: str | None = None,
    limit: int = 100,
) -> list[JobRow]:
    """The latest jobs, the last first."""
    rows = await connection.fetch(queries.jobs, workspace_id, plugin, state, limit)
    return [JobRow(**row) for row in rows]


async def forget_some(database: Database, workspace_id: WorkspaceId, *, now: datetime) -> bool:
    """Delete a chunk of the jobs that have been over for a month; whether more are left."""
    async with database.connection(workspace_id) as connection:
        done = await connection.execute(queries.forget_jobs, workspace_id, now - KEPT, _CHUNK)
    return int(done.rpartition(" ")[2]) == _CHUNK


async def _why_not(connection: Connection, workspace_id: WorkspaceId, job_id: int) -> NotFound | Conflict:
    state = await connection.fetchval(queries.state_of, workspace_id, job_id)
    if state is None:
        return NotFound(f"There is no job {job_id} in this workspace.", field=("id",))
    return Conflict(f"The job {job_id} is {state}.", field=("id",))
