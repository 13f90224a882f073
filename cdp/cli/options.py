"""What commands share: which database."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog

from cdp.db import migrate
from cdp.db.connecting import connect, describe, reaching
from cdp.db.embedded import EmbeddedPostgres, holds_database
from cdp.db.pool import Database
from cdp.errors import BadInput, Misconfigured
from cdp.settings import Settings, read_settings

if sys.platform == "win32":
    _new_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop as _new_loop

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_Command = TypeVar("_Command", bound=Callable[..., Any])

DATA_HELP = "Folder of the embedded PostgreSQL; joins the server that runs there, or starts it."
PLUGINS_HELP = "Folder with further plugins (also CDP_PLUGINS_DIR)."


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A database that can be reached."""

    owner_url: str
    """Of the login that migrates."""
    app_url: str
    """Of the login that serves."""
    inspect_url: str
    """Of the login that may look at the server itself, as far as there is one."""
    embedded: bool
    shown: str
    """The flag that names it, for a command to be pasted."""
    described: str
    """What it is, for a person; never with a password."""


def database_options(command: _Command) -> _Command:
    """`--data` and `--database-url`."""
    data = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help=DATA_HELP)
    url = click.option("--database-url", metavar="URL", help="PostgreSQL to use (also DATABASE_URL).")
    return data(url(command))


def plugins_option(command: _Command) -> _Command:
    """`--plugins-dir`."""
    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    return click.option("--plugins-dir", type=folder, help=PLUGINS_HELP)(command)


def flag_of(settings: Settings) -> str:
    """The flag that names the database, for a command to be pasted; the environment's needs none."""
    if settings.database_url is not None:
        return " --database-url URL" if "DATABASE_URL" not in os.environ else ""
    return f" --data {shlex.quote(str(settings.data))}"


def settings_of(data: Path | None, database_url: str | None, **given: Any) -> Settings:
    """The process's settings; a flag that names one database overrides a variable that names another."""
    if data is not None and database_url is not None:
        raise BadInput("Give --data or --database-url, not both: they name two databases.")
    settings = read_settings(None, data=data, database_url=database_url, **given)
    return replace(settings, database_url=None) if data is not None else settings


@contextmanager
def place_of(settings: Settings, *, making: bool = False, temporary: bool = False) -> Iterator[Place]:
    """The database that the settings name, running for as long as the block lasts.

    Args:
        settings: of the process.
        making: whether an embedded database may be made where there is none; otherwise a mistyped folder would be one.
        temporary: whether a database that goes with the process will do where they name none.

    Raises:
        BadInput: they name none, or a folder without one.
        Misconfigured: the embedded server cannot be started.
    """
    if settings.database_url is not None:
        url = settings.database_url
        yield Place(
            owner_url=url,
            app_url=url,
            inspect_url=url,
            embedded=False,
            shown="--database-url URL",
            described=describe(url),
        )
        return
    if settings.data is None and not temporary:
        raise BadInput("Which database? Give --data FOLDER or --database-url URL (or set DATABASE_URL).")
    if settings.data is not None and not making and not holds_database(settings.data):
        raise BadInput(
            f"There is no database in {settings.data}. To make one there: "
            f"cdp workspaces create NAME{flag_of(settings)}"
        )
    with EmbeddedPostgres.start(settings.data) as server:
        shown = f"--data {shlex.quote(str(server.data_directory))}"
        yield Place(
            owner_url=server.owner_url,
            app_url=server.app_url,
            inspect_url=server.superuser_url,
            embedded=True,
            shown=shown,
            described=shown if settings.data is not None else f"{shown}, temporary",
        )


async def migrated(place: Place, settings: Settings | None = None) -> None:
    """Make sure that the database has every migration: an embedded one gets what it lacks.

    Args:
        place: the database.
        settings: of a process that calls plugins: an embedded database gets their tables too.

    Raises:
        Misconfigured: another one lacks some, or this login may not use it; the message holds the command to run.
    """
    if place.embedded:
        await migrate.apply(place.owner_url)
        if settings is not None:
            await _make_tables(place, settings)
        return
    connection = await connect(place.app_url)
    try:
        with reaching(place.app_url):
            pending = await migrate.pending(connection)
    finally:
        await connection.close()
    if pending:
        raise Misconfigured(
            f"The database lacks {len(pending)} migrations, {pending[0].name} first. Run: cdp migrate {place.shown}"
        )


async def _make_tables(place: Place, settings: Settings) -> None:
    """The tables of plugins; one whose files cannot be applied goes without, and everything else starts."""
    from cdp import tables  # noqa: PLC0415 - other commands do without the plugins, and answer sooner
    from cdp.hooks.manager import Plugins  # noqa: PLC0415

    for plugin, files in tables.wanted(Plugins.load(settings)).items():
        try:
            await tables.apply(place.owner_url, {plugin: files})
        except Misconfigured as error:
            log.error("plugin_tables_not_made", plugin=plugin, error=error.message)  # noqa: TRY400 - says it all


@asynccontextmanager
async def database_of(settings: Settings, *, making: bool = False) -> AsyncIterator[Database]:
    """The migrated database that the settings name, as the application role; made where it may be."""
    with place_of(settings, making=making) as place:
        await migrated(place)
        database = await Database.connect(place.app_url, max_size=settings.pool_size)
        try:
            yield database
        finally:
            await database.close()


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """Run the coroutine to its end, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(work)
