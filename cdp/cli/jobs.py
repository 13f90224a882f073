"""`cdp jobs`: background work of plugins, and the changes that they are still to be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cdp import jobs as work
from cdp.changes.note import queries as change_queries
from cdp.cli.acting import record
from cdp.cli.options import database_of, database_options, plugins_option, run_async, settings_of
from cdp.db.pool import Connection
from cdp.errors import BadInput, NotFound
from cdp.hooks.manager import Plugins
from cdp.jobs.store import latest
from cdp.jobs.store import queries as job_queries
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from cdp.settings import Settings
from cdp.workspaces import store

T = TypeVar("T")
_MOST = 1_000

_workspace = click.option("--workspace", metavar="NAME", required=True, help="Whose.")
_plugin = click.option("--plugin", metavar="NAME", help="Only those of this plugin.")


@click.group(name="jobs", epilog="Example: cdp jobs list --data ./data --workspace acme")
def jobs() -> None:
    """Start, list, stop and retry jobs of plugins; list and retry changes that plugins did not take."""


@jobs.command(name="list", epilog="Example: cdp jobs list --data ./data --workspace acme --state FAILED")
@database_options
@_workspace
@_plugin
@click.option("--state", type=click.Choice(["WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"]))
def list_jobs(
    *, data: Path | None, database_url: str | None, workspace: str, plugin: str | None, state: str | None
) -> None:
    """List jobs, the latest first."""

    async def look(connection: Connection, workspace_id: WorkspaceId) -> list[work.JobRow]:
        return await latest(connection, workspace_id, plugin=plugin, state=state, limit=_MOST)

    for row in _in_workspace(settings_of(data, database_url), workspace, look):
        click.echo(_job_line(row))


@jobs.command(epilog="Example: cdp jobs kinds --plugins-dir ./my-plugins")
@plugins_option
def kinds(*, plugins_dir: Path | None) -> None:
    """List the jobs that can be started, and when schedules start them."""
    plugins = Plugins.load(settings_of(None, None, plugins_dir=plugins_dir))
    for plugin, job in plugins.registered("register_jobs"):
        click.echo(f"{job.name}  ({plugin})  {job.description}")
        for owner, schedule in plugins.registered("register_schedules"):
            if (owner, schedule.job) == (plugin, job.name):
                click.echo(f"  {schedule.name}: {schedule.cron} {schedule.time_zone}")


@jobs.command(epilog="Example: cdp jobs start notifier_digest --data ./data --workspace acme")
@database_options
@plugins_option
@_workspace
@click.argument("name")
@click.option("--input", "given", metavar="JSON", default="{}", help="What it is given: an object.")
@click.option("--key", metavar="TEXT", help="Start none while one of this key is unfinished.")
def start(
    *,
    data: Path | None,
    database_url: str | None,
    plugins_dir: Path | None,
    workspace: str,
    name: str,
    given: str,
    key: str | None,
) -> None:
    """Start a job; a worker runs it. Prints its number."""
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    plugins = Plugins.load(settings)

    async def begin(connection: Connection, workspace_id: WorkspaceId) -> int:
        job = await work.start(
            connection,
            workspace_id,
            plugins,
            name,
            input=_object(given),
            key=key,
            by="the command line",
            now=datetime.now(UTC),
        )
        await record(connection, workspace_id, "jobStart", encode_id("Job", job), {"name": name})
        return job

    click.echo(_in_workspace(settings, workspace, begin))


@jobs.command(epilog="Example: cdp jobs cancel 17 --data ./data --workspace acme")
@database_options
@_workspace
@click.argument("job", type=int)
def cancel(*, data: Path | None, database_url: str | None, workspace: str, job: int) -> None:
    """Stop a job: at once where it waits, as soon as it listens where it runs."""

    async def stop(connection: Connection, workspace_id: WorkspaceId) -> None:
        await work.cancel(connection, workspace_id, job, now=datetime.now(UTC))
        await record(connection, workspace_id, "jobCancel", encode_id("Job", job), {})

    _in_workspace(settings_of(data, database_url), workspace, stop)


@jobs.command(epilog="Example: cdp jobs retry 17 --data ./data --workspace acme")
@database_options
@_workspace
@click.argument("job", type=int)
def retry(*, data: Path | None, database_url: str | None, workspace: str, job: int) -> None:
    """Try a job again that failed or was cancelled."""

    async def again(connection: Connection, workspace_id: WorkspaceId) -> None:
        await work.retry(connection, workspace_id, job, now=datetime.now(UTC))
        await record(connection, workspace_id, "jobRetry", encode_id("Job", job), {})

    _in_workspace(settings_of(data, database_url), workspace, again)


@jobs.command(epilog="Example: cdp jobs deliveries --data ./data --workspace acme --state DEAD")
@database_options
@_workspace
@_plugin
@click.option("--state", type=click.Choice(["WAITING", "DEAD"]))
def deliveries(
    *, data: Path | None, database_url: str | None, workspace: str, plugin: str | None, state: str | None
) -> None:
    """List changes that plugins have not been told of, in the order in which they are."""

    async def look(connection: Connection, workspace_id: WorkspaceId) -> list[Any]:
        found: list[Any] = await connection.fetch(
            change_queries.deliveries, workspace_id, plugin, state, _MOST
        )
        return found

    for row in _in_workspace(settings_of(data, database_url), workspace, look):
        why = f"  failed {row['attempts']}×: {row['error']}" if row["error"] else ""
        click.echo(
            f"{row['delivery_id']}  {row['state']}  {row['plugin']}.{row['hook']}  profile {row['profile_id']}"
            f"  noted {row['noted_at']:%Y-%m-%d %H:%M:%S}{why}"
        )


@jobs.command(epilog="Example: cdp jobs redeliver --data ./data --workspace acme --plugin diptych_notifier")
@database_options
@_workspace
@_plugin
@click.argument("delivery", type=int, required=False)
@click.option("--discard", is_flag=True, help="Give them up instead.")
def redeliver(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    plugin: str | None,
    delivery: int | None,
    discard: bool,
) -> None:
    """Tell again what a plugin did not take, or give it up: one delivery, or all of a plugin."""
    if (delivery is None) == (plugin is None):
        raise BadInput("Give the number of a delivery, or --plugin.")

    async def again(connection: Connection, workspace_id: WorkspaceId) -> int:
        if discard:
            rows = await connection.fetch(change_queries.discard, workspace_id, delivery, plugin)
        else:
            now = datetime.now(UTC)
            rows = await connection.fetch(change_queries.retry, workspace_id, delivery, plugin, now)
            await connection.execute(change_queries.wake)
        if rows:
            about = {"plugin": plugin, "count": len(rows)}
            target = encode_id("Delivery", delivery) if delivery is not None else str(plugin)
            await record(
                connection, workspace_id, "deliveryDiscard" if discard else "deliveryRetry", target, about
            )
        return len(rows)

    number = _in_workspace(settings_of(data, database_url), workspace, again)
    if delivery is not None and not number:
        raise NotFound(f"There is no such delivery {delivery} of this workspace.")
    click.echo(f"{number} {'given up' if discard else 'told again'}")


@jobs.command(epilog="Example: cdp jobs schedules --data ./data --workspace acme")
@database_options
@_workspace
def schedules(*, data: Path | None, database_url: str | None, workspace: str) -> None:
    """List when schedules tick next, as workers have reckoned it."""

    async def look(connection: Connection, workspace_id: WorkspaceId) -> list[Any]:
        found: list[Any] = await connection.fetch(job_queries.schedules, workspace_id)
        return found

    for row in _in_workspace(settings_of(data, database_url), workspace, look):
        last = f"  last {row['last_at']:%Y-%m-%d %H:%M}" if row["last_at"] else ""
        click.echo(
            f"{row['plugin']}.{row['name']}  {row['definition']}  next {row['next_at']:%Y-%m-%d %H:%M}{last}"
        )


def _in_workspace(settings: Settings, name: str, do: Callable[[Connection, WorkspaceId], Awaitable[T]]) -> T:
    async def run() -> T:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, name)
            async with database.transaction(workspace_id) as connection:
                return await do(connection, workspace_id)

    return run_async(run())


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"The input is no JSON object: {error}.") from None


def _job_line(row: work.JobRow) -> str:
    progress = f"  {row.done}" + (f"/{row.total}" if row.total is not None else "") if row.done else ""
    said = f"  {row.message}" if row.message else ""
    why = f"  failed: {row.error}" if row.error else ""
    return (
        f"{row.job_id}  {row.state}  {row.plugin}.{row.name}  attempts {row.attempts}  by {row.started_by}"
        f"  {row.created_at:%Y-%m-%d %H:%M:%S}{progress}{said}{why}"
    )
