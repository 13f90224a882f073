"""Applying plugins' SQL files: as a role that owns the plugin's schema and nothing else, and binding what they made.

Each plugin has two roles, neither of which can log in. `plugin_<name>_owner` owns the schema `plugin_<name>`, and the
files are run as it: inside a function with its rights, where PostgreSQL lets nobody become another role.
`plugin_<name>` may read and write rows, and owns nothing; hooks work as it (see `cdp.tables.offered`). After each file
every table is checked, and bound to the workspace by row-level security.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
from msgspec import Struct

from cdp.db.connecting import connect
from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import Misconfigured
from cdp.hooks.manager import Plugins

queries = load_queries("cdp.tables", "tables.sql")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_ANOTHER_BEGAN = 3
_BOUND = "nullif(current_setting('cdp.workspace_id', true), '')::bigint"


class Made(Struct, frozen=True, kw_only=True):
    """A file that was applied."""

    plugin: str
    name: str


def schema_of(plugin: str) -> str:
    """The schema, and the role that works in it.

    Raises:
        Misconfigured: the plugin's name cannot be one.
    """
    if _NAME.fullmatch(plugin) is None:
        raise Misconfigured(
            f"The plugin {plugin!r} cannot have tables: its name must be letters a to z, digits and underscores, "
            "at most 41."
        )
    return f"plugin_{plugin}"


def pending(
    wanted: Mapping[str, Sequence[Path]], applied: Sequence[tuple[str, str, str]]
) -> dict[str, list[Path]]:
    """The files of each plugin that the database lacks, in order.

    Args:
        wanted: files by plugin.
        applied: (plugin, name, digest) of those that it has.

    Raises:
        Misconfigured: one was edited after it had been applied.
    """
    known = {(plugin, name): digest for plugin, name, digest in applied}
    lacking: dict[str, list[Path]] = {}
    for plugin, files in wanted.items():
        for file in sorted(files, key=lambda file: file.name):
            digest = known.get((plugin, file.name))
            if digest is None:
                lacking.setdefault(plugin, []).append(file)
            elif digest != digest_of(file):
                raise Misconfigured(
                    f"{file.name} of the plugin {plugin} has been edited since it was applied: "
                    "put it back, and write a new file."
                )
    return lacking


def digest_of(file: Path) -> str:
    """What tells that a file is as it was."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def apply(url: str, wanted: Mapping[str, Sequence[Path]]) -> tuple[Made, ...]:
    """Apply the files that the database lacks, each in a transaction, as the role that owns the database.

    Raises:
        Misconfigured: a file failed and was undone, makes what is not bound to workspaces, or was edited.
        Unavailable: the database does not answer.
    """
    if not wanted:
        return ()
    connection = await connect(url)
    try:
        made: list[Made] = []
        for plugin, files in sorted(pending(wanted, await _applied(connection)).items()):
            made += [
                Made(plugin=plugin, name=file.name)
                for file in files
                if await _apply_one(connection, plugin, file)
            ]
        return tuple(made)
    finally:
        await connection.close()


async def drop(url: str, plugin: str) -> bool:
    """Drop a plugin's schema with everything in it, in all workspaces; whether there was one.

    Raises:
        Unavailable: the database does not answer.
        Misconfigured: somebody else's objects hang on it.
    """
    schema = schema_of(plugin)
    connection = await connect(url)
    try:
        async with connection.transaction():
            await connection.execute(queries.one_at_a_time)
            there = await connection.fetchval(queries.has_schema, schema)
            if there:
                await connection.execute(f'SET LOCAL ROLE "{schema}_owner"')
                await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
                await connection.execute("RESET ROLE")
            await connection.execute(queries.forget, plugin)
        return bool(there)
    finally:
        await connection.close()


async def _applied(connection: asyncpg.Connection | Connection) -> list[tuple[str, str, str]]:
    rows = await connection.fetch(queries.applied)
    return [(row["plugin"], row["name"], row["digest"]) for row in rows]


async def _apply_one(connection: asyncpg.Connection, plugin: str, file: Path) -> bool:
    schema = schema_of(plugin)
    for attempt in range(_ANOTHER_BEGAN):
        try:
            async with connection.transaction():
                await connection.execute(queries.one_at_a_time)
                if (plugin, file.name) in {(one[0], one[1]) for one in await _applied(connection)}:
                    return False
                await _prepare(connection, schema)
                await _run(connection, schema, file)
                await _bind(connection, schema, plugin, file)
                await connection.execute(queries.note, plugin, file.name, digest_of(file))
                return True
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            # Roles belong to the whole server: another database's migration made them at this moment.
            if attempt + 1 == _ANOTHER_BEGAN:
                raise
    return False


async def _prepare(connection: asyncpg.Connection, schema: str) -> None:
    """The two roles and the schema, where they are missing."""
    for role in (f"{schema}_owner", schema):
        if not await connection.fetchval(queries.has_role, role):
            await connection.execute(
                f'CREATE ROLE "{role}" NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE'
            )
    if not await connection.fetchval(queries.has_schema, schema):
        await connection.execute(f'GRANT "{schema}_owner" TO CURRENT_USER WITH INHERIT TRUE, SET TRUE')
        await connection.execute(f'GRANT "{schema}" TO diptych_app WITH INHERIT FALSE, SET TRUE')
        await connection.execute(f'CREATE SCHEMA "{schema}" AUTHORIZATION "{schema}_owner"')
        await connection.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO "{schema}"')


async def _run(connection: asyncpg.Connection, schema: str, file: Path) -> None:
    """The file's statements, confined: a function with the owner's rights cannot become anybody else."""
    try:
        await connection.execute(f"SET LOCAL lock_timeout = '5s'; SET LOCAL ROLE \"{schema}_owner\"")
        for row in await connection.fetch(queries.tables, schema):
            # A file may change rows that are there already, of all workspaces; afterwards the owner sees none again.
            await connection.execute(f'ALTER TABLE "{schema}"."{row["name"]}" NO FORCE ROW LEVEL SECURITY')
        await connection.execute(queries.confined.replace("{schema}", schema))
        text = await asyncio.to_thread(file.read_text, encoding="utf-8")
        await connection.execute(f'SELECT "{schema}".apply_confined($1)', text)
        await connection.execute(f'DROP FUNCTION "{schema}".apply_confined(text)')
        await connection.execute("RESET ROLE")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError) as error:
        raise Misconfigured(f"{file.name} failed and was undone: {error}.") from None
    except asyncpg.PostgresError as error:
        raise Misconfigured(f"{file.name} failed and was undone: {error}.") from None


async def _bind(connection: asyncpg.Connection, schema: str, plugin: str, file: Path) -> None:
    """Row-level security for every table; refuse what it cannot be had for."""
    for row in await connection.fetch(queries.faults, schema):
        raise Misconfigured(f"{file.name} of the plugin {plugin} was undone: {row['fault']}.")
    await connection.execute(f'SET LOCAL ROLE "{schema}_owner"')
    for row in await connection.fetch(queries.tables, schema):
        table = f'"{schema}"."{row["name"]}"'
        # Anew each time: a file may have lifted what an earlier one was given.
        if row["has_policy"]:
            await connection.execute(f"DROP POLICY bound ON {table}")
        await connection.execute(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, "
            f"ALTER COLUMN workspace_id SET DEFAULT {_BOUND}"
        )
        await connection.execute(f"CREATE POLICY bound ON {table} USING (workspace_id = (SELECT {_BOUND}))")
        await connection.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{schema}"')
    await connection.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO "{schema}"')
    await connection.execute("RESET ROLE")


def wanted(plugins: Plugins) -> dict[str, list[Path]]:
    """The files of all plugins that have tables."""
    files: dict[str, list[Path]] = {}
    for plugin, file in plugins.registered("register_migrations"):
        files.setdefault(plugin, []).append(file)
    return files


async def lacking(database: Database, files: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """Names of the files that a database lacks, by plugin; the application role may ask.

    Raises:
        Misconfigured: one was edited after it had been applied.
        Unavailable: the database is away.
    """
    async with database.unbound() as connection:
        applied = await _applied(connection)
    return {plugin: [file.name for file in missing] for plugin, missing in pending(files, applied).items()}
