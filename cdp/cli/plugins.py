"""`cdp plugins`: which there are, a new one, and whether one keeps its promises."""

from __future__ import annotations

from pathlib import Path

import click

from cdp.cli.inspecting import plugins as listing
from cdp.kit.package import THEMES, make


@click.group(invoke_without_command=True, params=listing.params, epilog=listing.epilog)
@click.pass_context
def plugins(context: click.Context, /, **options: object) -> int | None:
    """List the plugins; or begin one, or check one.

    Listed are the hooks that each implements, and why one is not loaded; with a database also how they did within the
    last day, in all servers and workers that use it.
    """
    if context.invoked_subcommand is not None:
        return None
    status: int = context.invoke(listing, **options)
    return status


@plugins.command(epilog="Example: cdp plugins new night-owls --with roles --with field")
@click.argument("name")
@click.option(
    "--with",
    "themes",
    type=click.Choice([theme.name for theme in THEMES]),
    multiple=True,
    default=("roles",),
    show_default=True,
    help="What it begins with; may be given several times.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="Folder that the package's own is made in [default: this one].",
)
def new(*, name: str, themes: tuple[str, ...], into: Path) -> None:
    """Begin a plugin: a package with a hook, a test that passes, and what it takes to install it."""
    made = make(name, themes, into)
    for file in made:
        click.echo(file)
    folder = into / name
    click.echo(f"\nNext: cd {folder} && pip install -e '.[dev]' && pytest")
