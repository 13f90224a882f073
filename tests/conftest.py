"""A real PostgreSQL for every test: one server a session, one migrated template, one clone of it a test."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog

from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.clones import Clones
from tests.spreading import Spreading, longest_first, processes

# Nothing here outlives the run, so nothing needs to survive a crash of the machine.
UNSAFE_AND_QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
}

TEMPLATE = "diptych"

MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Put temporary folders into memory where there is enough: a clone then takes ten milliseconds, not hundreds."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
        # The environment too, for the servers that tests start in processes of their own.
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spreading:
    return Spreading(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        longest_first(items)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUrls:
    """One database, as each of the roles."""

    app: str
    owner: str
    superuser: str


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """For tests that run commands in this process: commands say how it logs, and other tests look at what it does."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """Where an embedded server's data may go, not made yet: root's server cannot enter pytest's own closed folders."""
    with tempfile.TemporaryDirectory(prefix="diptych-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """An embedded server that belongs to this run."""
    with EmbeddedPostgres.start(settings=UNSAFE_AND_QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with all migrations and no rows."""
    asyncio.run(migrate.apply(postgres.owner_url))
    return TEMPLATE


@pytest.fixture(scope="session")
def clones(postgres: EmbeddedPostgres) -> Iterator[Clones]:
    """Makes the databases of tests."""
    clones = Clones(_renamed(postgres.superuser_url, "postgres"))
    yield clones
    clones.close()


@pytest.fixture
async def database_urls(
    postgres: EmbeddedPostgres, template: str, clones: Clones
) -> AsyncIterator[DatabaseUrls]:
    """A fresh clone of the template, dropped after the test."""
    name = await clones.take(template)
    yield DatabaseUrls(
        app=_renamed(postgres.app_url, name),
        owner=_renamed(postgres.owner_url, name),
        superuser=_renamed(postgres.superuser_url, name),
    )
    clones.give_back(name)


@pytest.fixture
def database_url(database_urls: DatabaseUrls) -> str:
    """The clone, as the application."""
    return database_urls.app


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the clone, as the application."""
    database = await Database.connect(database_url, max_size=4)
    yield database
    await database.close()


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """One connection to the clone as its owner."""
    connection = await asyncpg.connect(database_urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """One connection to the clone that row-level security does not bind: to look at what is really there."""
    connection = await asyncpg.connect(database_urls.superuser)
    yield connection
    await connection.close()


@pytest.fixture
async def workspace(database: Database) -> WorkspaceId:
    """A workspace with all its settings at their defaults."""
    return await make_workspace(database, "Acme")


@pytest.fixture
async def other_workspace(database: Database) -> WorkspaceId:
    """A second one, which must never be seen from the first."""
    return await make_workspace(database, "Globex")


async def make_workspace(database: Database, name: str) -> WorkspaceId:
    async with database.unbound() as connection:
        return WorkspaceId(await connection.fetchval("SELECT cdp.create_workspace($1)", name))


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
