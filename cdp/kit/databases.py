"""Databases that cost milliseconds: one embedded PostgreSQL, one migrated template, and a copy of it for each use."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres

QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
}
"""Settings of a server whose data need not survive a crash."""

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, with a name that nobody knows before
_ROOM = 2**30
"""Bytes that have to be free in memory for a server to lie there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUrls:
    """One database, as each of the roles."""

    app: str
    owner: str
    superuser: str


class Databases:
    """Makes copies of one database of a server.

    Args:
        server: where.
        template: the database, with all migrations and no rows; nobody may be connected to it.
    """

    def __init__(self, server: EmbeddedPostgres, template: str = "diptych") -> None:
        self._server = server
        self._template = template
        self._numbers = count(1)

    @contextmanager
    def copy(self) -> Iterator[DatabaseUrls]:
        """A database with all migrations and no rows, for as long as the block lasts."""
        name = f"copy_{os.getpid()}_{next(self._numbers)}"
        asyncio.run(
            self._run(
                f"CREATE DATABASE {name} TEMPLATE {self._template} OWNER diptych_owner STRATEGY file_copy"
            )
        )
        try:
            yield DatabaseUrls(
                app=_renamed(self._server.app_url, name),
                owner=_renamed(self._server.owner_url, name),
                superuser=_renamed(self._server.superuser_url, name),
            )
        finally:
            asyncio.run(self._run(f"DROP DATABASE {name} WITH (FORCE)"))

    async def _run(self, statement: str) -> None:
        superuser = await asyncpg.connect(_renamed(self._server.superuser_url, "postgres"))
        try:
            await superuser.execute(statement)
        finally:
            await superuser.close()


@contextmanager
def databases() -> Iterator[Databases]:
    """A server of one's own, in memory where there is room, gone with the block.

    Raises:
        Misconfigured: it cannot be started; the message says why.
    """
    with _in_memory(), EmbeddedPostgres.start(settings=QUICK) as server:
        asyncio.run(migrate.apply(server.owner_url))
        yield Databases(server)


@contextmanager
def _in_memory() -> Iterator[None]:
    before = tempfile.tempdir
    if before is None and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        tempfile.tempdir = str(_MEMORY)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
