"""What the application's database role may do, should somebody speak SQL through it."""

from __future__ import annotations

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.security.conftest import Side, track

UNBOUND_FUNCTIONS = {
    "changes_to_tell",  # counts and times by plugin, as workspaces_to_settle
    "create_workspace",
    "drop_empty_event_partitions",  # months without a row
    "ensure_event_partition",
    "ensure_message_partition",
    "event_partitions",  # names, bounds and sizes
    "find_api_key",  # for servers of the version before
    "find_visitor_secret",  # by a random name that stands in tokens alone, before their workspace is known
    "find_key",  # by its hash: whoever has that has the key
    "find_people",  # asks for the bound workspace alone, as the next
    "find_people_by_trait",
    "find_token_issuers",  # of who knows an issuer's URL: a token comes before its workspace is known
    "forget_messages",  # ids of messages, by what all workspaces set, and never by a date to come
    "jobs_to_run",  # counts and times by plugin
    "list_workspaces",
    "note_plugin_health",  # about processes, as the next
    "plugin_migrations",  # files of SQL
    "plugins_health",
    "schedules_due",  # names that plugins gave, and no rows of people
    "refused_backlog",  # counts over all workspaces, for those who operate it
    "schema_contracts",
    "workspaces_to_enrich",
    "workspaces_to_settle",
    "workspaces_to_resolve",  # whether anything is due, as workspaces_to_settle
}
"""All that runs with the owner's rights; another needs a reason, and a look at what it tells of other workspaces."""


async def test_functions_with_the_owner_s_rights_are_few_and_cannot_be_led_astray(
    superuser: asyncpg.Connection,
) -> None:
    """No look-up in them goes through a schema that a caller could write to, and nobody else may call them."""
    rows = await superuser.fetch(
        "SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') AS anybody FROM pg_proc"
        " WHERE prosecdef AND pronamespace IN ('cdp'::regnamespace, 'public'::regnamespace)"
    )
    assert {row["proname"] for row in rows} == UNBOUND_FUNCTIONS
    for row in rows:
        (path,) = row["proconfig"]
        assert path in {"search_path=public, pg_temp", "search_path=pg_catalog, pg_temp"}
        assert not row["anybody"]


async def test_every_table_is_bound_and_none_can_be_emptied_or_changed_in_kind(
    superuser: asyncpg.Connection,
) -> None:
    rows = await superuser.fetch(
        "SELECT relname, relispartition, relrowsecurity AND relforcerowsecurity AS bound,"
        " has_table_privilege('diptych_app', oid, 'SELECT, INSERT, UPDATE, DELETE') AS used,"
        " has_table_privilege('diptych_app', oid, 'TRUNCATE, REFERENCES, TRIGGER') AS owned,"
        " EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id') AS tenants"
        " FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm')"
        " AND relnamespace IN ('public'::regnamespace, 'cdp'::regnamespace)"
    )
    assert len(rows) > 20
    for row in rows:
        assert not row["owned"], row["relname"]
        if row["relispartition"]:
            assert not row["used"], row["relname"]
        elif row["tenants"]:
            assert row["bound"], row["relname"]
        # What belongs to no workspace, such as the list of migrations, is at most read.
        elif row["used"]:
            assert not await superuser.fetchval(
                "SELECT has_table_privilege('diptych_app', $1::text, 'INSERT, UPDATE, DELETE')",
                row["relname"],
            ), row["relname"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine ()",
        "CREATE FUNCTION cdp.bound_workspace_() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION cdp.bound_workspace() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
        "ALTER TABLE profile DISABLE ROW LEVEL SECURITY",
        "DROP POLICY bound ON profile",
        "CREATE POLICY mine ON profile USING (true)",
        "SET ROLE diptych_owner",
        "SET row_security = off; SELECT * FROM profile",
        "SELECT setval('event_id', 1)",
        "SELECT setval('profile_profile_id_seq', 1)",
        "ALTER SEQUENCE event_id RESTART",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT passwd FROM pg_shadow",
    ],
)
async def test_the_application_may_not_widen_what_it_may(
    database_url: str, workspace: WorkspaceId, statement: str
) -> None:
    """The embedded server's application login, which is all that a server process has."""
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_who_is_found_by_words_is_of_the_bound_workspace(
    ours: Side, theirs: Side, database: Database
) -> None:
    """The function reads with the owner's rights; its words are no patterns."""
    await theirs.tell(track("canary", "Signed In"))
    await ours.tell(track("sparrow", "Signed In"))
    async with database.connection(ours.workspace_id) as connection:
        for word, count in (
            ("canary", 0),
            ("sparrow", 1),
            ("spa%row", 0),
            ("spa_row", 0),
            ("%%%", None),
            ("row\\", 0),
        ):
            found = await connection.fetchval("SELECT cdp.find_people($1, 10)", [word])
            assert (found if found is None else len(found)) == count, word


async def test_what_runs_unbound_tells_of_no_workspace_s_people(
    ours: Side, theirs: Side, database: Database
) -> None:
    await theirs.tell(track("canary", "Signed In"))
    async with database.unbound() as connection:
        assert await connection.fetchval("SELECT cdp.find_people('{canary}', 10)") == []
        waiting = await connection.fetch("SELECT * FROM cdp.workspaces_to_settle()")
        assert {key for row in waiting for key in dict(row)} == {
            "workspace_id",
            "waiting",
            "oldest",
            "reclassifying",
        }
        assert await connection.fetch("SELECT * FROM cdp.find_api_key($1)", b"") == []
        for table in ("profile", "node", "event", "api_key", "workspace"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
