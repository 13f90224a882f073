"""`cdp schema`: the contract of the GraphQL side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from cdp.cli.logs import configure_logging
from cdp.cli.options import plugins_option
from cdp.graphql.permissions import permissions
from cdp.graphql.schema import sdl
from cdp.hooks.manager import Plugins
from cdp.settings import read_settings


@click.command(epilog="Example: cdp schema > schema.graphql")
@click.option(
    "--permissions",
    "as_permissions",
    is_flag=True,
    help="Print who may see what instead, as Markdown.",
)
@plugins_option
def schema(*, as_permissions: bool, plugins_dir: Path | None) -> None:
    """Print the GraphQL schema in SDL, sorted: of the core, and of what the plugins add that are loaded."""
    settings = read_settings(None, plugins_dir=plugins_dir)
    configure_logging(replace(settings, log_level="error"))
    plugins = Plugins.load(settings)
    click.echo(permissions(plugins) if as_permissions else sdl(plugins), nl=False)
