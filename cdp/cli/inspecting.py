"""`cdp plugins` and `cdp doctor`: what there is, and whether it is well."""

from __future__ import annotations

from pathlib import Path

import click

from cdp.cli.doctoring import examine
from cdp.cli.options import database_options, run_async, settings_of
from cdp.hooks.manager import Plugins
from cdp.settings import read_settings


@click.command(epilog="Example: cdp plugins --plugins-dir ./plugins")
@click.option(
    "--plugins-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with further plugins (also CDP_PLUGINS_DIR).",
)
def plugins(*, plugins_dir: Path | None) -> int:
    """List the plugins, the hooks that each implements, and why one is not loaded."""
    loaded = Plugins.load(read_settings(None, plugins_dir=plugins_dir))
    broken = 0
    for plugin in loaded.health():
        click.echo(f"{plugin.name} {plugin.version}  {plugin.source}")
        if plugin.error is not None:
            broken += 1
            click.echo(f"  not loaded: {plugin.error}")
        for hook in plugin.hooks:
            click.echo(f"  {hook.hook}")
    return 1 if broken else 0


@click.command(epilog="Example: cdp doctor --data ./data")
@database_options
def doctor(*, data: Path | None, database_url: str | None) -> int:
    """Examine the installation and the database; says what is wrong and what to do about it."""
    findings = run_async(examine(settings_of(data, database_url)))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.well else 'WRONG'}  {finding.subject}: {finding.says}")
        if finding.remedy is not None:
            click.echo(f"       → {finding.remedy}")
    return 0 if all(finding.well for finding in findings) else 1
