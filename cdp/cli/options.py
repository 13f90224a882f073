"""What commands share: which database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from cdp.db import migrate
from cdp.db.connecting import connect
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.errors import BadInput, Misconfigured
from cdp.settings import Settings, read_settings

if sys.platform == "win32":
    _new_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop as _new_loop

_T = TypeVar("_T")
_Command = TypeVar("_Command", bound=Callable[..., Any])

DATA_HELP = "Folder of the embedded PostgreSQL; joins the server that runs there, or starts it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A database that can be reached."""

    owner_url: str
    """Of the login that migrates."""
    app_url: str
    """Of the login that serves."""
    embedded: bool
    shown: str
    """The flag that names it, for a command to be pasted."""


def database_options(command: _Command) -> _Command:
    """`--data` and `--database-url`."""
    data = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help=DATA_HELP)
    url = click.option("--database-url", metavar="URL", help="PostgreSQL to use (also DATABASE_URL).")
    return data(url(command))


def settings_of(data: Path | None, database_url: str | None, **given: Any) -> Settings:
    """The process's settings; a flag that names one database overrides a variable that names another."""
    if data is not None and database_url is not None:
        raise BadInput("Give --data or --database-url, not both: they name two databases.")
    settings = read_settings(None, data=data, database_url=database_url, **given)
    return replace(settings, database_url=None) if data is not None else settings


@contextmanager
def place_of(settings: Settings, *, temporary: bool = False) -> Iterator[Place]:
    """The database that the settings name, running for as long as the block lasts.

    Args:
        settings: of the process.
        temporary: whether a database that goes with the process will do where they name none.

    Raises:
        BadInput: they name none.
        Misconfigured: the embedded server cannot be started.
    """
    if settings.database_url is not None:
        url = settings.database_url
        yield Place(owner_url=url, app_url=url, embedded=False, shown="--database-url URL")
        return
    if settings.data is None and not temporary:
        raise BadInput("Which database? Give --data FOLDER or --database-url URL (or set DATABASE_URL).")
    with EmbeddedPostgres.start(settings.data) as server:
        yield Place(
            owner_url=server.owner_url,
            app_url=server.app_url,
            embedded=True,
            shown=f"--data {server.data_directory}",
        )


async def migrated(place: Place) -> None:
    """Make sure that the database has every migration: an embedded one gets what it lacks.

    Raises:
        Misconfigured: another one lacks some; the message holds the command to run.
    """
    if place.embedded:
        await migrate.apply(place.owner_url)
        return
    connection = await connect(place.app_url)
    try:
        pending = await migrate.pending(connection)
    finally:
        await connection.close()
    if pending:
        raise Misconfigured(
            f"The database lacks {len(pending)} migrations, {pending[0].name} first. Run: cdp migrate {place.shown}"
        )


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """The migrated database that the settings name, as the application role."""
    with place_of(settings) as place:
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
