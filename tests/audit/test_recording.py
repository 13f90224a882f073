"""The log is added to inside the transaction of an act, and by nobody changed."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from cdp import audit
from cdp.access.principals import operator
from cdp.audit.chain import canonical, digest
from cdp.audit.reading import verify
from cdp.db.pool import Database
from cdp.model import WorkspaceId

COLUMNS = (
    "SELECT sequence, principal, name, role, purpose, act, object, detail, hash, cdp.audit_text(e) AS text"
    " FROM audit_entry e ORDER BY sequence"
)


async def test_entries_form_a_chain(database: Database, workspace: WorkspaceId) -> None:
    """Each holds the hash of the one before it and of itself; what it says is JSON in one form."""
    async with database.transaction(workspace) as connection:
        await audit.record(
            connection, operator(workspace), "keyCreate", "ApiKey:1", {"role": "SALES", "é": [1]}
        )
        await audit.record(connection, operator(workspace), "keyRevoke", 'Api"Key\n\u0001\u007f\u2028', {})
        rows = await connection.fetch(COLUMNS)
    assert [(row["sequence"], row["principal"], row["name"], row["role"], row["act"]) for row in rows] == [
        (1, "operator", "command line", "ADMIN", "keyCreate"),
        (2, "operator", "command line", "ADMIN", "keyRevoke"),
    ]
    assert rows[0]["detail"] == '{"role":"SALES","é":[1]}'
    previous = b""
    for row in rows:
        assert canonical(json.loads(row["text"])) == row["text"]
        assert row["hash"] == digest(previous, row["text"].encode())
        previous = row["hash"]


async def test_what_is_undone_leaves_no_gap(database: Database, workspace: WorkspaceId) -> None:
    """The entry goes with the act; those who record at once take turns."""

    async def act(number: int) -> None:
        async with database.transaction(workspace) as connection:
            await audit.record(connection, operator(workspace), "act", str(number), {})
            await asyncio.sleep(0)
            if number % 3 == 0:
                raise ZeroDivisionError

    done = await asyncio.gather(*map(act, range(30)), return_exceptions=True)
    assert sum(one is None for one in done) == 20
    verification = await verify(database, workspace)
    assert (verification.count, verification.flaws) == (20, [])


async def test_workspaces_have_chains_of_their_own(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    for whose in (workspace, other_workspace, workspace):
        async with database.transaction(whose) as connection:
            await audit.record(connection, operator(whose), "act", "", {})
    assert [(await verify(database, whose)).count for whose in (workspace, other_workspace)] == [2, 1]


async def test_nobody_records_in_another_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    async with database.connection(workspace) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await audit.record(connection, operator(other_workspace), "act", "", {})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET name = 'nobody'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "DROP TABLE audit_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER USER",
        "DROP TRIGGER keep ON audit_entry",
        (
            "INSERT INTO audit_entry (workspace_id, sequence, principal, name, role, act, object, detail)"
            " VALUES ({0}, 1, 'x', '', '', 'x', '', '{{}}')"
        ),
        (
            "INSERT INTO audit_entry (workspace_id, at, principal, name, role, act, object, detail)"
            " VALUES ({0}, '2020-01-01', 'x', '', '', 'x', '', '{{}}')"
        ),
        (
            "INSERT INTO audit_entry (workspace_id, hash, principal, name, role, act, object, detail)"
            " VALUES ({0}, '', 'x', '', '', 'x', '', '{{}}')"
        ),
        "MERGE INTO audit_entry e USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    ],
)
async def test_the_application_can_only_add(
    database: Database, workspace: WorkspaceId, statement: str
) -> None:
    """Neither change, nor take out, nor say which entry one is, or when it was."""
    async with database.transaction(workspace) as connection:
        await audit.record(connection, operator(workspace), "act", "", {})
    async with database.connection(workspace) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(workspace))
    verification = await verify(database, workspace)
    assert (verification.count, verification.flaws) == (1, [])


async def test_not_even_its_owner_changes_the_log_by_accident(
    database: Database, workspace: WorkspaceId, owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    async with database.transaction(workspace) as connection:
        await audit.record(connection, operator(workspace), "act", "", {})
    for connection in (owner, superuser):
        for statement in (
            "UPDATE audit_entry SET name = 'nobody'",
            "DELETE FROM audit_entry",
            "TRUNCATE audit_entry",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only added to"):
                await connection.execute(statement)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await superuser.execute("DELETE FROM workspace WHERE workspace_id = $1", workspace)


async def test_what_was_added_by_sql_is_in_the_chain_too(database: Database, workspace: WorkspaceId) -> None:
    """Whoever speaks SQL through the application role can add an entry, and not one without a place and a time."""
    async with database.connection(workspace) as connection:
        await connection.execute(
            "INSERT INTO audit_entry (workspace_id, principal, name, role, act, object, detail)"
            " SELECT $1, 'x', '', '', 'x', '', '{ \"b\":1, \"a\": 2 }' FROM generate_series(1, 3)",
            workspace,
        )
    verification = await verify(database, workspace)
    assert (verification.count, verification.flaws) == (3, [])


async def test_details_that_are_too_long_are_named_only(database: Database, workspace: WorkspaceId) -> None:
    """And what no database holds is left out: an act does not fail by what it is called."""
    async with database.transaction(workspace) as connection:
        await audit.record(
            connection, operator(workspace), "act", "a\0\ud800" * 400, {"b": "x" * 20_000, "a": "\ud800"}
        )
        row = await connection.fetchrow("SELECT object, detail FROM audit_entry")
    assert (row["object"], json.loads(row["detail"])) == (
        ("a?" * 400)[:500],
        {"names": ["a", "b"], "omitted_bytes": 20_016},
    )
    with pytest.raises(TypeError):
        async with database.transaction(workspace) as connection:
            await audit.record(connection, operator(workspace), "act", "", {"at": object()})
