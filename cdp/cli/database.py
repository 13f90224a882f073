"""`cdp migrate` and `cdp rebuild`: the schema, and the views from the events."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from cdp.cli.acting import record_alone
from cdp.cli.options import database_of, database_options, place_of, run_async, settings_of
from cdp.db import migrate as migrations
from cdp.lenses.rebuild import rebuild as rebuild_views
from cdp.settings import Settings
from cdp.workspaces import store


@click.group(
    invoke_without_command=True,
    epilog="Example: cdp migrate --database-url postgresql://owner@localhost/diptych",
)
@database_options
@click.pass_context
def migrate(context: click.Context, data: Path | None, database_url: str | None) -> None:
    """Apply the migrations that the database lacks, as the role that owns it."""
    context.obj = settings_of(data, database_url)
    if context.invoked_subcommand is None:
        with place_of(context.obj, making=True) as place:
            applied = run_async(migrations.apply(place.owner_url))
        for migration in applied:
            click.echo(f"applied {migration.name}")
        if not applied:
            click.echo("Nothing to do: the database has every migration.")


@migrate.command(epilog="Example: cdp migrate status --data ./data")
@database_options
@click.pass_obj
def status(settings: Settings, data: Path | None, database_url: str | None) -> None:
    """List the migrations, applied and pending."""
    named_here = data is not None or database_url is not None
    with place_of(settings_of(data, database_url) if named_here else settings) as place:
        found = run_async(migrations.status(place.owner_url))
    for migration in found:
        click.echo(f"{'applied' if migration.applied else 'pending'}  {migration.name}")


@click.command(epilog="Example: cdp rebuild --data ./data --workspace b2b --check")
@database_options
@click.option("--workspace", metavar="NAME", help="Only this one; all of them otherwise.")
@click.option("--check", is_flag=True, help="Compare, and change nothing; status 1 where something differs.")
@click.option("--restart", is_flag=True, help="Begin anew, rather than where an earlier run was interrupted.")
def rebuild(
    *, data: Path | None, database_url: str | None, workspace: str | None, check: bool, restart: bool
) -> int:
    """Make the views anew from the events, or check that they agree with them.

    Events may come in meanwhile. Interrupted, it goes on from there when it is called again.
    """
    return run_async(_rebuild(settings_of(data, database_url), workspace, check=check, restart=restart))


async def _rebuild(settings: Settings, name: str | None, *, check: bool, restart: bool) -> int:
    differing = 0
    async with database_of(settings) as database:
        if name is None:
            wanted = await store.list_all(database)
        else:
            wanted = [(await store.by_name(database, name), name)]
        for workspace_id, shown in wanted:
            with Progress(console=Console(stderr=True)) as bar:
                task = bar.add_task(f"{'checking' if check else 'rebuilding'} {shown}", total=None)

                def progress(done: int, total: int, bar: Progress = bar, task: TaskID = task) -> None:
                    bar.update(task, completed=done, total=total)

                if not check:
                    await record_alone(database, workspace_id, "viewsRebuild", "", {"restart": restart})
                report = await rebuild_views(
                    database,
                    workspace_id,
                    check=check,
                    progress=progress,
                    restart=restart,
                )
            click.echo(f"{shown}: {report}")
            differing += bool(check and report.differences)
    return 1 if differing else 0
