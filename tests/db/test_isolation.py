"""No row of one workspace is ever seen or written from another."""

from __future__ import annotations

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId


async def test_the_application_role_owns_nothing(owner: asyncpg.Connection) -> None:
    """The application owns no relation, function, schema or type, so it can alter and drop none."""
    owned = await owner.fetch(
        """
        SELECT relname::text AS name FROM pg_class WHERE relowner = 'diptych_app'::regrole
        UNION ALL SELECT proname::text FROM pg_proc WHERE proowner = 'diptych_app'::regrole
        UNION ALL SELECT nspname::text FROM pg_namespace WHERE nspowner = 'diptych_app'::regrole
        UNION ALL SELECT typname::text FROM pg_type WHERE typowner = 'diptych_app'::regrole
        """
    )
    assert owned == []


async def test_the_application_role_cannot_bypass(database: Database) -> None:
    """The application is no superuser, bypasses no row-level security and belongs to no role that does."""
    async with database.unbound() as connection:
        role = await connection.fetchrow(
            """
            SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
                   (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS memberships
            FROM pg_roles r WHERE rolname = current_user
            """
        )
    assert tuple(role) == ("diptych_app", False, False, False, False, 0)


async def test_every_table_is_behind_row_level_security(owner: asyncpg.Connection) -> None:
    """Each table that the application may touch has a workspace_id, forced row-level security and the one policy."""
    tables = await owner.fetch(
        """
        SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id'
                       AND a.attnotnull) AS keyed,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'bound'
                       AND p.polroles = '{0}' AND p.polcmd = '*') AS bound
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND has_table_privilege('diptych_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
          AND c.relname <> 'schema_migrations'
        """
    )
    assert len(tables) > 10
    assert [
        table["name"] for table in tables if not (table["forced"] and table["keyed"] and table["bound"])
    ] == []


async def test_keys_begin_with_the_workspace(owner: asyncpg.Connection) -> None:
    """Every primary key, unique constraint and foreign key begins with workspace_id: the schema can be distributed."""
    wrong = await owner.fetch(
        """
        SELECT conrelid::regclass::text AS table, conname::text AS constraint
        FROM pg_constraint k
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.contype IN ('p', 'u', 'f') AND k.connamespace = 'public'::regnamespace
          AND a.attname <> 'workspace_id' AND conrelid <> 'schema_migrations'::regclass
          -- The table of workspaces itself is the one that is looked up by name.
          AND conname NOT LIKE 'workspace_name%'
        """
    )
    assert wrong == []


async def test_unbound_sees_nothing(database: Database, workspace: WorkspaceId) -> None:
    """A connection that is bound to no workspace sees none."""
    async with database.unbound() as connection:
        assert await connection.fetchval("SELECT count(*) FROM workspace") == 0


async def test_bound_sees_its_own(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """A bound connection sees its workspace's rows and no others, also where the statement names no workspace."""
    for bound in (workspace, other_workspace):
        async with database.connection(bound) as connection:
            assert [row["workspace_id"] for row in await connection.fetch("SELECT * FROM workspace")] == [
                bound
            ]


async def test_asking_for_another_workspace_finds_nothing(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """A statement that names another workspace's id finds no row to read, to change or to delete."""
    async with database.connection(workspace) as connection:
        await connection.execute(
            "INSERT INTO feature (workspace_id, key, name) VALUES ($1, 'a', 'A')", workspace
        )
    async with database.connection(other_workspace) as connection:
        assert await connection.fetch("SELECT * FROM feature WHERE workspace_id = $1", workspace) == []
        changed = await connection.execute("UPDATE feature SET name = 'B' WHERE workspace_id = $1", workspace)
        deleted = await connection.execute("DELETE FROM feature WHERE workspace_id = $1", workspace)
    assert (changed, deleted) == ("UPDATE 0", "DELETE 0")


async def test_writing_into_another_workspace_is_refused(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """A row for another workspace is refused, and so is moving a row there."""
    insert = "INSERT INTO feature (workspace_id, key, name) VALUES ($1, 'a', 'A')"
    async with database.connection(workspace) as connection:
        await connection.execute(insert, workspace)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(insert, other_workspace)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute("UPDATE feature SET workspace_id = $1", other_workspace)


async def test_partitions_are_reached_through_their_table_only(
    database: Database, workspace: WorkspaceId, owner: asyncpg.Connection
) -> None:
    """A partition has no policy of its own, so the application may not name it."""
    async with database.connection(workspace) as connection:
        await connection.execute("SELECT cdp.ensure_event_partition('2026-03-01')")
        for partition in ("event_default", "event_202603"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await connection.fetch(f"SELECT * FROM {partition}")
