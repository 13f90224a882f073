"""Migrations: applied once, in order, each wholly or not at all."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.errors import Misconfigured, Unavailable

FIRST = "-- migrate:up\nCREATE TABLE first (a int);\n-- migrate:down\nDROP TABLE first;\n"
SECOND = "-- migrate:up\nCREATE TABLE second (a int);\nSELECT 1 / 0;\n-- migrate:down\nDROP TABLE second;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20260101000001_first.sql").write_text(FIRST)
    return tmp_path


@pytest.fixture
async def empty_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database that has nothing in it, as its owner."""
    administrator = await asyncpg.connect(_renamed(postgres.superuser_url, "postgres"))
    await administrator.execute("CREATE DATABASE unmigrated OWNER diptych_owner")
    yield _renamed(postgres.owner_url, "unmigrated")
    await administrator.execute("DROP DATABASE unmigrated WITH (FORCE)")
    await administrator.close()


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def test_migrations_are_applied_once(empty_url: str, folder: Path) -> None:
    """What is pending is applied and reported; a second time there is nothing to do."""
    first = migrate.Migration(version="20260101000001", name="20260101000001_first.sql", applied=False)
    assert await migrate.status(empty_url, folder) == (first,)
    assert await migrate.apply(empty_url, folder) == (replace(first, applied=True),)
    assert await migrate.apply(empty_url, folder) == ()
    assert await migrate.status(empty_url, folder) == (replace(first, applied=True),)


async def test_a_server_without_encryption_is_migrated_over_the_network(
    data_folder: Path, folder: Path
) -> None:
    """As a container's usually is: whether to encrypt need not be said in the URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listening = {"listen_addresses": "127.0.0.1", "port": str(port)}
    with EmbeddedPostgres.start(data_folder, settings=listening) as server:
        password = urlsplit(server.owner_url).password
        url = f"postgresql://diptych_owner:{password}@127.0.0.1:{port}/diptych"
        assert len(await migrate.apply(url, folder)) == 1
        assert await migrate.apply(f"{url}?sslmode=prefer", folder) == ()


async def test_who_may_not_migrate_reads_who_may(postgres: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(Misconfigured, match="they are for the owner of the database"):
        await migrate.apply(_renamed(postgres.owner_url, "postgres"), folder)


async def test_a_failing_migration_is_undone_and_named(empty_url: str, folder: Path) -> None:
    """What fails leaves nothing of itself, keeps what went before, and is one sentence that names the file."""
    (folder / "20260101000002_second.sql").write_text(SECOND)
    with pytest.raises(
        Misconfigured,
        match=r"^Migration 20260101000002_second\.sql failed and was undone: division by zero.*\.$",
    ):
        await migrate.apply(empty_url, folder)
    assert [migration.applied for migration in await migrate.status(empty_url, folder)] == [True, False]
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("SELECT to_regclass('second')") is None
    await connection.close()


async def test_processes_that_migrate_at_once_wait_for_each_other(empty_url: str, folder: Path) -> None:
    """Several processes that start together leave one migrated database, and none of them fails."""
    slow = FIRST.replace("CREATE", "SELECT pg_sleep(0.3);\nCREATE", 1)
    (folder / "20260101000001_first.sql").write_text(slow)
    done = await asyncio.gather(*(migrate.apply(empty_url, folder) for _ in range(3)))
    assert {migration.name for applied in done for migration in applied} == {"20260101000001_first.sql"}
    assert [migration.applied for migration in await migrate.status(empty_url, folder)] == [True]


async def test_the_application_sees_what_is_pending(database: Database, tmp_path: Path) -> None:
    """The application role can tell whether the database is ready for it."""
    shutil.copytree(migrate.migrations_folder(), tmp_path, dirs_exist_ok=True)
    (tmp_path / "99991231000000_later.sql").write_text(FIRST)
    async with database.unbound() as connection:
        assert await migrate.pending(connection) == ()
        assert [migration.name for migration in await migrate.pending(connection, tmp_path)] == [
            "99991231000000_later.sql"
        ]


async def test_every_migration_can_be_taken_back(empty_url: str) -> None:
    """Up, down to nothing, and up again: the way back is as good as the way there."""
    applied = await migrate.apply(empty_url)
    for _ in applied:
        code, said = await migrate._dbmate(empty_url, migrate.migrations_folder(), "rollback")
        assert code == 0, said
    connection = await asyncpg.connect(empty_url)
    left = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')"
    )
    await connection.close()
    assert [row["relname"] for row in left] == ["schema_migrations"]
    assert await migrate.apply(empty_url) == applied


async def test_only_the_owner_migrates(postgres: EmbeddedPostgres, empty_url: str, folder: Path) -> None:
    """The application role is refused in one sentence."""
    await migrate.apply(empty_url, folder)
    (folder / "20260101000002_second.sql").write_text(SECOND)
    with pytest.raises(Misconfigured, match="permission denied"):
        await migrate.apply(_renamed(postgres.app_url, "unmigrated"), folder)


async def test_a_database_that_is_away_is_one_sentence(folder: Path) -> None:
    """Migrating without a database says where it was looked for."""
    with pytest.raises(Unavailable, match="cannot be reached at 127.0.0.1:1/x"):
        await migrate.apply("postgresql://a:secret@127.0.0.1:1/x", folder)


def test_the_migrations_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They lie inside an installed package and beside it in a checkout; without either the message says so."""
    assert list(migrate.migrations_folder().glob("*.sql"))
    package = tmp_path / "cdp"
    package.mkdir()
    monkeypatch.setattr(migrate.cdp, "__file__", str(package / "__init__.py"))
    with pytest.raises(Misconfigured, match="no folder of migrations"):
        migrate.migrations_folder()
    (tmp_path / "migrations").mkdir()
    assert migrate.migrations_folder() == tmp_path / "migrations"
    (package / "migrations").mkdir()
    assert migrate.migrations_folder() == package / "migrations"
