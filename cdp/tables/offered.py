"""What a plugin is given to use its tables with: statements, each in a transaction of its own, bound to the workspace.

The walls are the database's: the statement runs as the plugin's own role, which can see its schema and nothing else,
and row-level security shows it the rows of one workspace. A statement could ask PostgreSQL to change who it runs as or
for which workspace, so one that names what does that is refused before it is sent. That keeps mistakes in; a plugin
runs in the server's process, and somebody hostile there has other ways.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg

from cdp.db.pool import Database
from cdp.errors import TablesFailed
from cdp.model import WorkspaceId
from cdp.tables.migrating import schema_of

T = TypeVar("T")

STATEMENT_SECONDS = 2.0
MOST_ROWS = 10_000

_BEGINS = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|MERGE)\b", re.IGNORECASE)
_ESCAPES = re.compile(
    r"set_config|current_setting|query_to_xml|cursor_to_xml|table_to_xml|schema_to_xml|database_to_xml|dblink"
    r"|pg_terminate|pg_cancel|pg_notify|pg_advisory|pg_read|pg_ls|pg_sleep|lo_|\bu&",
    re.IGNORECASE,
)


class PluginTables:
    """One plugin's tables, as one workspace has them; safe to use from the plugin's own loop."""

    def __init__(self, database: Database, plugin: str, workspace_id: WorkspaceId) -> None:
        self._database = database
        self._schema = schema_of(plugin)
        self._workspace_id = workspace_id
        self._home = asyncio.get_running_loop()

    async def fetch(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """See `cdp.model.Tables.fetch`."""
        return await self._at_home(self._fetch(statement, arguments))

    async def execute(self, statement: str, *arguments: Any) -> int:
        """See `cdp.model.Tables.execute`."""
        return await self._at_home(self._execute(statement, arguments))

    async def _at_home(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the loop that the pool belongs to; a plugin has one of its own."""
        if asyncio.get_running_loop() is self._home:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def _fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[dict[str, Any]]:
        _check(statement)
        rows = await self._run(statement, arguments)
        if len(rows) > MOST_ROWS:
            raise TablesFailed(f"The statement answers more than {MOST_ROWS} rows; ask for fewer.")
        return [dict(row) for row in rows]

    async def _execute(self, statement: str, arguments: tuple[Any, ...]) -> int:
        _check(statement)
        _, tag = await self._run(statement, arguments, counted=True)
        number = tag.rpartition(" ")[2]
        return int(number) if number.isdigit() else 0

    async def _run(self, statement: str, arguments: tuple[Any, ...], *, counted: bool = False) -> Any:
        try:
            async with self._database.transaction(self._workspace_id) as connection:
                await connection.execute(
                    f'SET LOCAL ROLE "{self._schema}"; SET LOCAL search_path = "{self._schema}"; '
                    f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS:g}s'"
                )
                prepared = await connection.prepare(statement)
                if counted:
                    rows = await prepared.fetch(*arguments, timeout=2 * STATEMENT_SECONDS)
                    return rows, prepared.get_statusmsg()
                async with asyncio.timeout(2 * STATEMENT_SECONDS):
                    cursor = await prepared.cursor(*arguments)
                    return await cursor.fetch(MOST_ROWS + 1)
        except asyncpg.InvalidParameterValueError as error:  # there is no such role
            raise TablesFailed(
                f"The tables of this plugin have not been made: run `cdp tables migrate` ({error})."
            ) from None
        except TimeoutError:
            raise TablesFailed(f"The statement took longer than {STATEMENT_SECONDS:g} seconds.") from None
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            raise TablesFailed(f"The statement failed: {error}") from None


def _check(statement: str) -> None:
    """Refuse what is no statement on rows, or could lead out.

    Raises:
        TablesFailed: it is one of those.
    """
    if _BEGINS.match(statement) is None:
        raise TablesFailed("Only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES and WITH are allowed here.")
    if (found := _ESCAPES.search(statement)) is not None:
        raise TablesFailed(f"The statement names {found[0]!r}, which is not allowed here.")
