"""`cdp plugins` and `cdp doctor`: what there is, and whether it is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import click
import msgspec

from cdp.cli.doctor import Level, examine
from cdp.cli.doctor.work import describe_figures
from cdp.cli.logs import configure_logging
from cdp.cli.options import database_of, database_options, plugins_option, run_async, settings_of
from cdp.hooks.manager import Plugins
from cdp.model import Workspace
from cdp.settings import Settings
from cdp.settle.health import PluginFigures, plugins_health
from cdp.workspaces.store import by_name, load


@click.command(epilog="Example: cdp plugins --data ./data")
@plugins_option
@database_options
@click.option("--workspace", metavar="NAME", help="Say also what this workspace uses, and has set.")
def plugins(
    *, plugins_dir: Path | None, data: Path | None, database_url: str | None, workspace: str | None
) -> int:
    """List the plugins, the hooks that each implements, and why one is not loaded.

    With a database also how they did within the last day, in all servers and workers that use it.
    """
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    configure_logging(replace(settings, log_level="critical"))  # The list says what the log would.
    found = Plugins.load(settings)
    loaded = found.health()
    named = settings.data is not None or settings.database_url is not None
    figures = run_async(_figures(settings)) if named else {}
    of = None if workspace is None else run_async(_workspace(settings, workspace))
    for plugin in loaded:
        says = f"  {plugin.info.summary}" if plugin.info.summary else ""
        click.echo(f"{plugin.name} {plugin.version}  {plugin.source}{says}")
        if plugin.error is not None:
            click.echo(f"  not loaded: {plugin.error}")
        elif of is not None:
            off = found.calls.is_off(plugin.name, of)
            click.echo(f"  {'off' if off else 'on'} in {of.name}{_set(found, plugin.name, of)}")
        for hook in plugin.hooks:
            _show(hook.hook, figures.pop((plugin.name, hook.hook), None))
    for name, group in groupby(figures.items(), key=lambda item: item[0][0]):
        click.echo(f"{name}  (not loaded here, but in a server or worker)")
        for (_, hook_name), one in group:
            _show(hook_name, one)
    return 1 if any(plugin.error is not None for plugin in loaded) else 0


def _set(plugins: Plugins, name: str, workspace: Workspace) -> str:
    """What the workspace has set, the defaults included; of secrets only whether they are."""
    shown = plugins.settings.shown(name, workspace)
    return f": {msgspec.json.encode(shown).decode()}" if shown else ""


async def _workspace(settings: Settings, name: str) -> Workspace:
    async with database_of(settings) as database:
        workspace_id = await by_name(database, name)
        async with database.connection(workspace_id) as connection:
            return await load(connection, workspace_id)


async def _figures(settings: Settings) -> dict[tuple[str, str], PluginFigures]:
    """By plugin and hook, in this order."""
    async with database_of(settings) as database, database.unbound() as connection:
        found = await plugins_health(connection, now=datetime.now(UTC))
    return {(one.plugin, one.hook): one for one in found}


def _show(hook: str, one: PluginFigures | None) -> None:
    """One hook on a line, and below it who is to blame for what."""
    click.echo(f"  {hook}" if one is None else f"  {hook}  {describe_figures(one)}")
    if one is not None and one.last_error is not None and one.last_error_at is not None:
        sentence = one.last_error.partition("\n")[0]
        click.echo(f"    last failure {one.last_error_at:%Y-%m-%d %H:%M:%S} UTC: {sentence}")


@click.command(epilog="Example: cdp doctor --data ./data")
@database_options
@plugins_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for machines.")
def doctor(*, data: Path | None, database_url: str | None, plugins_dir: Path | None, as_json: bool) -> int:
    """Examine the installation and the database; says what is wrong and what to do about it.

    Each finding is OK, WARN (it works, but not for ever) or FAIL. Status 1 if one is FAIL.
    """
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    configure_logging(replace(settings, log_level="critical"))  # The findings say what the log would.
    findings = run_async(examine(settings))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings)))
    else:
        for finding in findings:
            click.echo(f"{finding.level:<4}  {finding.subject}: {finding.says}")
            if finding.remedy is not None:
                click.echo(f"      → {finding.remedy}")
    return 1 if any(finding.level is Level.FAIL for finding in findings) else 0
