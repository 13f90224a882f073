"""SQL straight through the application role, at every table and function that there is: one workspace, or nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cdp.db.pool import Connection, Database
from cdp.model import WorkspaceId
from tests.security.planting import THEIRS, Table, plant

REFUSED = asyncpg.InsufficientPrivilegeError

OF_OPERATORS = {
    "create_workspace": "makes one, and tells its number",
    "list_workspaces": "names, for the command line",
    "plugins_health": "of processes, which belong to no workspace",
    "note_plugin_health": "likewise",
    "plugin_migrations": "files of SQL",
    "find_token_issuers": "who an issuer is trusted by must be known before the workspace is; its keys are public",
    "find_visitor_secret": "likewise, by the secret's id; what it signs is checked in the server, which is given it",
}
"""Functions that tell of other workspaces on purpose, and why."""


@pytest.fixture
async def tables(
    superuser: asyncpg.Connection, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> list[Table]:
    """Every table, with a row of either workspace."""
    return await plant(superuser, workspace, other_workspace)


@pytest.fixture
async def attacker(database: Database) -> AsyncIterator[Connection]:
    """A connection as the pool gives it, bound to nothing yet; whatever is done with it is undone."""
    async with database.unbound() as connection:
        yield connection
        await connection.execute("SELECT set_config('cdp.workspace_id', '', false)")


async def bind(connection: Connection, workspace_id: WorkspaceId) -> None:
    await connection.execute("SELECT set_config('cdp.workspace_id', $1, false)", str(workspace_id))


async def outcome(connection: Connection, statement: str, *arguments: object) -> str:
    """What a statement comes to, undone: its tag, `refused`, or `referred to` by another row."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return str(await connection.execute(statement, *arguments))
    except (REFUSED, asyncpg.GeneratedAlwaysError):
        return "refused"
    except asyncpg.ForeignKeyViolationError:
        return "referred to"
    finally:
        await transaction.rollback()


async def may(connection: Connection, table: str, what: str, column: str = "workspace_id") -> bool:
    return bool(
        await connection.fetchval("SELECT has_column_privilege($1::text, $2::text, $3)", table, column, what)
        if what != "DELETE"
        else await connection.fetchval("SELECT has_table_privilege($1::text, 'DELETE')", table)
    )


async def insertable(connection: Connection, table: Table) -> list[str]:
    """Columns that the application may give a value."""
    return list(
        await connection.fetchval(
            "SELECT array_agg(a.attname::text) FROM pg_attribute a WHERE a.attrelid = $1::text::regclass"
            " AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a' AND a.attgenerated = ''"
            " AND has_column_privilege(a.attrelid, a.attnum, 'INSERT')",
            table.name,
        )
        or []
    )


async def attempts(connection: Connection, table: Table, theirs: WorkspaceId) -> dict[str, str]:
    """What comes of each way to get at the other workspace's row of a table."""
    column = (
        table.columns[-1]
        if await may(connection, table.name, "UPDATE", table.columns[-1])
        else "workspace_id"
    )
    columns = ", ".join(f'"{one}"' for one in await insertable(connection, table))
    insert = f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table.name}, $1)"
    where = f"WHERE workspace_id = {theirs}"
    found = {
        "select": await outcome(connection, f"SELECT * FROM {table.name} {where}"),
        "lock": await outcome(connection, f"SELECT * FROM {table.name} {where} FOR UPDATE"),
        "update": await outcome(connection, f'UPDATE {table.name} SET "{column}" = "{column}" {where}'),
        "delete": await outcome(connection, f"DELETE FROM {table.name} {where}"),
        "merge": await outcome(
            connection,
            f"MERGE INTO {table.name} t USING (SELECT {theirs} AS id) s ON t.workspace_id = s.id"
            " WHEN MATCHED THEN DO NOTHING",
        ),
        "truncate": await outcome(connection, f"TRUNCATE {table.name}"),
    }
    if columns:
        for name, row in (
            ("insert", table.theirs),
            ("insert anew", json.dumps({**json.loads(table.ours), "workspace_id": theirs})),
        ):
            found[name] = await outcome(connection, insert, row)
            found[f"{name} unless there"] = await outcome(connection, f"{insert} ON CONFLICT DO NOTHING", row)
    return found


NOTHING = {
    "select": {"SELECT 0"},
    # Where only some columns may be written, rows may not be locked either.
    "lock": {"SELECT 0", "refused"},
    "update": {"UPDATE 0", "refused"},
    "delete": {"DELETE 0", "refused"},
    "merge": {"MERGE 0"},
    "truncate": {"refused"},
    "insert": {"refused"},
    "insert unless there": {"refused"},
    "insert anew": {"refused"},
    "insert anew unless there": {"refused"},
}


def succeeded(found: dict[str, str]) -> dict[str, str]:
    return {name: result for name, result in found.items() if result not in NOTHING[name]}


async def test_without_a_workspace_no_table_shows_or_takes_anything(
    tables: list[Table], attacker: Connection, workspace: WorkspaceId
) -> None:
    """Neither to one who was never bound, nor to one whose binding is empty."""
    assert len(tables) > 60
    for table in tables:
        assert succeeded(await attempts(attacker, table, workspace)) == {}, table.name
        assert await attacker.fetch(f"SELECT * FROM {table.name}") == [], table.name


async def test_with_a_workspace_no_table_shows_or_takes_another_s(
    tables: list[Table],
    attacker: Connection,
    superuser: asyncpg.Connection,
    workspace: WorkspaceId,
    other_workspace: WorkspaceId,
) -> None:
    """Whatever is tried; while its own row is there to be seen."""
    await bind(attacker, workspace)
    for table in tables:
        there = f"SELECT count(*) FROM {table.name} WHERE workspace_id = $1"
        assert await superuser.fetchval(there, other_workspace) == 1, table.name
        assert [row["workspace_id"] for row in await attacker.fetch(f"SELECT * FROM {table.name}")] == [
            workspace
        ]
        assert succeeded(await attempts(attacker, table, other_workspace)) == {}, table.name
        moved = await outcome(attacker, f"UPDATE {table.name} SET workspace_id = {other_workspace}")
        assert moved == "refused", table.name
        assert await superuser.fetchval(there, other_workspace) == 1, table.name


async def test_a_workspace_s_own_rows_are_its_own_to_write(
    tables: list[Table], attacker: Connection, workspace: WorkspaceId
) -> None:
    """Or nothing would be shown by what is refused above."""
    await bind(attacker, workspace)
    done = {"update": 0, "delete": 0}
    for table in tables:
        if await may(attacker, table.name, "UPDATE"):
            updated = await outcome(attacker, f"UPDATE {table.name} SET workspace_id = workspace_id")
            done["update"] += updated == "UPDATE 1"
        if await may(attacker, table.name, "DELETE"):
            deleted = await outcome(attacker, f"DELETE FROM {table.name}")
            done["delete"] += deleted in {"DELETE 1", "referred to"}
    assert min(done.values()) > 50


async def test_what_is_hidden_is_not_looked_at_by_a_condition(
    tables: list[Table], attacker: Connection, workspace: WorkspaceId
) -> None:
    """A condition that fails at another workspace's value is not evaluated there: its error would tell of it."""
    await bind(attacker, workspace)
    looked = 0
    for table in tables:
        for column in table.texts:
            probe = (
                f"CASE WHEN {column} = '{THEIRS}' THEN 1 / (length({column}) - {len(THEIRS)}) ELSE 1 END = 1"
            )
            await attacker.fetch(f"SELECT 1 FROM {table.name} WHERE {probe}")
            looked += 1
    assert looked > 100


async def test_statistics_tell_nothing_of_rows(
    tables: list[Table], attacker: Connection, superuser: asyncpg.Connection, workspace: WorkspaceId
) -> None:
    """PostgreSQL keeps the commonest values of every column, of all workspaces."""
    await superuser.execute("ANALYZE")
    assert await superuser.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'") > 100
    await bind(attacker, workspace)
    known = await attacker.fetch("SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public'")
    assert {row["tablename"] for row in known} <= {"schema_migrations"}
    for table in ("pg_statistic", "pg_statistic_ext_data", "pg_authid"):
        with pytest.raises(REFUSED):
            await attacker.execute(f"SELECT * FROM {table}")


FUNCTIONS = """
SELECT p.proname AS name, p.oid::regprocedure::text AS signature,
       coalesce((SELECT array_agg(format_type(a.type, NULL) ORDER BY a.at)
                 FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, at)), '{}') AS types
FROM pg_proc p
WHERE p.pronamespace = 'cdp'::regnamespace AND has_function_privilege('diptych_app', p.oid, 'EXECUTE')
  AND p.prorettype <> 'trigger'::regtype
ORDER BY 2
"""

GUESSES = {
    "text": ["NULL", f"'{THEIRS}'"],
    "text[]": ["'{}'", f"'{{{THEIRS}}}'"],
    "bigint": ["NULL", "7", "{theirs}"],
    "bigint[]": ["'{7}'"],
    "integer": ["10"],
    "bytea": ["''::bytea"],
    "jsonb": ["'{}'", f"'\"{THEIRS}\"'"],
    "jsonb[]": [f"ARRAY['\"{THEIRS}\"'::jsonb]"],
    "date": ["'2026-01-05'"],
    "date[]": ["'{2026-01-05}'"],
    "timestamp with time zone": ["'2026-01-05'", "'2030-01-01'"],
    "numeric[]": ["'{1,2,3,4,5,6,7}'"],
    "uuid": ["gen_random_uuid()"],
    "audit_entry": ["NULL::audit_entry"],
}


async def test_no_function_tells_of_another_workspace(
    tables: list[Table],
    attacker: Connection,
    superuser: asyncpg.Connection,
    workspace: WorkspaceId,
    other_workspace: WorkspaceId,
) -> None:
    """Each is called with whatever it may take, and says no word of the other's; nor does a row there change."""
    contents = "SELECT {0}::text FROM {0} WHERE workspace_id = $1"
    before = [await superuser.fetch(contents.format(one.name), other_workspace) for one in tables]
    called = set()
    for bound in (False, True):
        if bound:
            await bind(attacker, workspace)
        for function in await superuser.fetch(FUNCTIONS):
            if function["name"] not in OF_OPERATORS:
                await call(attacker, function, other_workspace)
                called.add(function["name"])
    assert len(called) > 20
    assert [await superuser.fetch(contents.format(one.name), other_workspace) for one in tables] == before


async def call(connection: Connection, function: asyncpg.Record, theirs: WorkspaceId) -> None:
    """Try a function, undone each time."""
    guesses = [GUESSES[one] for one in function["types"]]
    for number in range(max(map(len, guesses), default=1)):
        given = ", ".join(
            f"({one[min(number, len(one) - 1)].replace('{theirs}', str(theirs))})::{type_}"
            for one, type_ in zip(guesses, function["types"], strict=True)
        )
        transaction = connection.transaction()
        await transaction.start()
        try:
            answer = repr(await connection.fetch(f"SELECT * FROM cdp.{function['name']}({given})"))
        except asyncpg.PostgresError as error:
            answer = str(error)
        await transaction.rollback()
        assert THEIRS not in answer, function["signature"]
