"""`cdp tables`: tables of plugins' own."""

from __future__ import annotations

from pathlib import Path

import click

from cdp import tables as plugin_tables
from cdp.cli.acting import record_alone
from cdp.cli.options import database_options, migrated, place_of, plugins_option, run_async, settings_of
from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.settings import Settings
from cdp.workspaces.store import list_all


@click.group(
    name="tables", invoke_without_command=True, epilog="Example: cdp tables migrate --database-url URL"
)
@database_options
@plugins_option
@click.pass_context
def tables(
    context: click.Context, data: Path | None, database_url: str | None, plugins_dir: Path | None
) -> None:
    """List which tables of plugins the database lacks; make or drop them."""
    if context.invoked_subcommand is None:
        run_async(_list(settings_of(data, database_url, plugins_dir=plugins_dir)))


@tables.command(epilog="Example: cdp tables migrate --database-url postgresql://owner@localhost/diptych")
@database_options
@plugins_option
def migrate(*, data: Path | None, database_url: str | None, plugins_dir: Path | None) -> None:
    """Apply the plugins' SQL files that the database lacks, as the role that owns it."""
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    files = plugin_tables.wanted(Plugins.load(settings))
    with place_of(settings) as place:
        run_async(migrated(place))
        made = run_async(plugin_tables.apply(place.owner_url, files))
    for one in made:
        click.echo(f"applied {one.plugin}: {one.name}")
    if not made:
        click.echo("Nothing to do: the database has all tables of the plugins.")


@tables.command(epilog="Example: cdp tables drop diptych_notifier --data ./data --yes")
@database_options
@click.argument("plugin")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(*, data: Path | None, database_url: str | None, plugin: str, yes: bool) -> int:
    """Drop all tables of a plugin with everything in them, in all workspaces. There is no way back."""
    schema = plugin_tables.schema_of(plugin)
    if not yes:
        click.confirm(f"Drop everything that {plugin} has kept, in all workspaces?", abort=True)
    with place_of(settings_of(data, database_url)) as place:
        run_async(migrated(place))
        run_async(_recorded(place.app_url, plugin))
        dropped = run_async(plugin_tables.drop(place.owner_url, plugin))
    click.echo(f"dropped {schema}" if dropped else f"There is no schema {schema}.")
    return 0 if dropped else 1


async def _recorded(url: str, plugin: str) -> None:
    """Say in every workspace's log what is about to be dropped there."""
    database = await Database.connect(url, max_size=1)
    try:
        for workspace_id, _ in await list_all(database):
            await record_alone(database, workspace_id, "pluginTablesDrop", plugin, {})
    finally:
        await database.close()


async def _list(settings: Settings) -> None:
    files = plugin_tables.wanted(Plugins.load(settings))
    with place_of(settings) as place:
        await migrated(place)
        database = await Database.connect(place.app_url, max_size=1)
        try:
            missing = await plugin_tables.lacking(database, files)
        finally:
            await database.close()
    for plugin, of_plugin in sorted(files.items()):
        for file in sorted(of_plugin):
            state = "pending" if file.name in missing.get(plugin, ()) else "applied"
            click.echo(f"{state}  {plugin}: {file.name}")
