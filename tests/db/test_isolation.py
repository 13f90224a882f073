"""No row of one workspace is ever seen or written from another."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.tables import apply
from tests.conftest import DatabaseUrls

THEIR_OWN = """
SELECT objid, classid::regclass FROM pg_shdepend
WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass
  AND refobjid IN (SELECT oid FROM pg_roles WHERE rolname = ANY ($1))
"""
"""What these roles own in any database of the server."""

IN_REACH = """
SELECT r.rolname::text, n.nspname::text FROM pg_roles r, pg_namespace n
WHERE r.rolname = ANY ($1) AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'public')
  AND has_schema_privilege(r.oid, n.oid, 'USAGE, CREATE')
UNION ALL
SELECT r.rolname::text, n.nspname::text FROM pg_roles r, pg_namespace n
WHERE r.rolname = ANY ($1) AND has_schema_privilege(r.oid, n.oid, 'CREATE')
ORDER BY 1, 2
"""
"""Schemas that they may look into, and such as they may make something in."""

WRITABLE = """
SELECT r.rolname::text, n.nspname::text, c.relname::text
FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rolname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
  AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
ORDER BY 1, 2, 3
"""
"""Tables of which they may read or write anything."""


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


async def test_the_application_role_cannot_bypass(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    """The application is no superuser and bypasses no row-level security; it may become roles of plugins, which can
    do nothing that it cannot but what is theirs, and nothing else.

    Roles are of the whole server, and so there may be more of them than this database's.
    """
    (tmp_path / "one.sql").write_text(
        "CREATE TABLE one (workspace_id bigint NOT NULL, id bigint, PRIMARY KEY (workspace_id, id))"
    )
    await apply(database_urls.owner, {"apart": [tmp_path / "one.sql"]})
    async with database.unbound() as connection:
        role = await connection.fetchrow(
            """
            SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
            FROM pg_roles WHERE rolname = current_user
            """
        )
    assert tuple(role) == ("diptych_app", False, False, False, False, False)
    # Whoever it can become, by however many steps, and what it has of each without becoming it.
    become = await owner.fetch(
        """
        SELECT rolname::text AS name, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
               OR rolcanlogin AS mighty, pg_has_role('diptych_app', oid, 'USAGE') AS inherited,
               EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid AND m.member = 'diptych_app'::regrole
                       AND m.admin_option) AS gives,
               EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS leads_on
        FROM pg_roles r
        WHERE rolname <> 'diptych_app' AND pg_has_role('diptych_app', oid, 'MEMBER') ORDER BY rolname
        """
    )
    assert "plugin_apart" in [one["name"] for one in become]
    assert [one for one in become if re.fullmatch(r"plugin_[a-z0-9_]+", one["name"]) is None] == []
    assert [one for one in become if one["name"].endswith("_owner")] == []
    assert [
        one for one in become if one["mighty"] or one["inherited"] or one["gives"] or one["leads_on"]
    ] == []
    names = [one["name"] for one in become]
    assert await owner.fetch(THEIR_OWN, names) == []
    assert [tuple(one) for one in await owner.fetch(IN_REACH, names)] == [("plugin_apart", "plugin_apart")]
    assert [tuple(one) for one in await owner.fetch(WRITABLE, names)] == [
        ("plugin_apart", "plugin_apart", "one")
    ]


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
