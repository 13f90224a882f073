"""`cdp plugins`: which there are, a new one, and whether one keeps its promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from cdp.cli.inspecting import plugins as listing
from cdp.cli.logs import configure_logging
from cdp.errors import BadInput
from cdp.kit.conformance import Grade
from cdp.kit.locating import locate, own
from cdp.kit.package import THEMES, make
from cdp.settings import read_settings


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


@plugins.command(epilog="Example: cdp plugins check ./night-owls")
@click.argument("which", metavar="[NAME|PATH]...", nargs=-1)
@click.option(
    "--events",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Traffic to try it on: a line of JSON per event, as the tracking API takes it [default: some of the demo's].",
)
def check(*, which: tuple[str, ...], events: Path | None) -> int:
    """Look whether plugins keep what their hooks promise; by default all that do not come with Diptych.

    Each is tried on a database of its own: its signatures, what it returns, how long it takes, whether the same
    question has the same answer, and whether what it is given stays as it was. Nothing is asked over HTTP. Status 1 if
    it FAILs.
    """
    from cdp.kit.check import check as look  # noqa: PLC0415 - it serves, in a way
    from cdp.kit.check import worst  # noqa: PLC0415

    settings = read_settings()
    configure_logging(replace(settings, log_level="critical"))  # The verdicts say what the log would.
    found = [locate(one) for one in which] or own()
    if not found:
        raise BadInput("No plugin is installed but those that come with Diptych: name one, or where it is.")
    traffic = None if events is None else _read(events)
    grades = []
    for one in found:
        click.echo(f"{one.name}  {one.source}")
        verdicts = []
        for verdict in look(one, settings, traffic):
            verdicts.append(verdict)
            click.echo(f"  {verdict.grade:<4}  {verdict.subject}: {verdict.says}")
        grades.append(worst(verdicts))
    return 1 if Grade.FAIL in grades else 0


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        return [
            msgspec.json.decode(line, type=dict[str, Any]) for line in file.read_bytes().splitlines() if line
        ]
    except msgspec.DecodeError as error:
        raise BadInput(f"{file} is not a line of JSON per event: {error}.") from None
