"""Tables of plugins' own: made by a role that sees nothing else, used by one that sees one workspace."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from cdp import tables
from cdp.db.pool import Database
from cdp.errors import Misconfigured, TablesFailed
from cdp.model import WorkspaceId
from cdp.tables import PluginTables
from tests.conftest import DatabaseUrls

NOTES = """
CREATE TABLE note (
    workspace_id bigint NOT NULL,
    note_id bigint GENERATED ALWAYS AS IDENTITY,
    text text NOT NULL,
    PRIMARY KEY (workspace_id, note_id)
);
CREATE INDEX note_by_text ON note (workspace_id, text);
"""


class Files:
    """SQL files of a plugin that the test writes."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self.paths: list[Path] = []

    def write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        if path not in self.paths:
            self.paths.append(path)
        return path

    async def apply(self, plugin: str = "pad") -> list[str]:
        return [one.name for one in await tables.apply(self._url, {plugin: self.paths})]


@pytest.fixture
def files(tmp_path: Path, database_urls: DatabaseUrls) -> Files:
    return Files(tmp_path, database_urls.owner)


@pytest.fixture
async def pad(files: Files, database: Database, workspace: WorkspaceId) -> PluginTables:
    files.write("0001_notes.sql", NOTES)
    await files.apply()
    return PluginTables(database, "pad", workspace)


async def test_rows_are_written_and_read_without_naming_the_workspace(pad: PluginTables) -> None:
    """Each statement a transaction of its own, arguments apart from the text."""
    assert await pad.execute("INSERT INTO note (text) VALUES ($1), ($2)", "one", "it's two") == 2
    assert await pad.fetch("SELECT text FROM note ORDER BY note_id") == [
        {"text": "one"},
        {"text": "it's two"},
    ]
    changed = await pad.fetch("UPDATE note SET text = upper(text) WHERE text = $1 RETURNING text", "one")
    assert changed == [{"text": "ONE"}]
    assert await pad.execute("DELETE FROM note") == 2


async def test_another_workspace_has_the_tables_and_other_rows(
    pad: PluginTables, database: Database, other_workspace: WorkspaceId
) -> None:
    """Neither read nor written, and nobody can write into another's."""
    theirs = PluginTables(database, "pad", other_workspace)
    await pad.execute("INSERT INTO note (text) VALUES ('ours')")
    assert await theirs.fetch("SELECT text FROM note") == []
    assert await theirs.execute("DELETE FROM note") == 0
    with pytest.raises(TablesFailed, match="row-level security"):
        await theirs.execute("INSERT INTO note (workspace_id, text) VALUES ($1, 'theirs')", pad._workspace_id)
    assert await pad.fetch("SELECT text FROM note") == [{"text": "ours"}]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT profile_id FROM public.profile",
        "SELECT hash FROM public.api_key",
        "SELECT cdp.list_workspaces()",
        "SELECT cdp.find_api_key('')",
        "INSERT INTO public.workspace (name) VALUES ('mine')",
        "ALTER TABLE note DISABLE ROW LEVEL SECURITY",
        "DROP TABLE note",
        "CREATE TABLE more (workspace_id bigint)",
        "RESET ROLE",
        "SET ROLE diptych_app",
        "SET cdp.workspace_id = '2'",
        "SELECT set_config('cdp.workspace_id', '2', false)",
        "SELECT U&\"s\\0065t_config\"('role', 'diptych_app', true)",
        "WITH x AS (SELECT set_config('role', 'diptych_app', true)) SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT 1; SELECT 2",
        "DO $$ BEGIN NULL; END $$",
        "COPY note TO STDOUT",
        "TRUNCATE note",
        "SELECT pg_sleep(60)",
    ],
)
async def test_nothing_else_can_be_reached(
    pad: PluginTables, database: Database, workspace: WorkspaceId, statement: str
) -> None:
    """And the connection that was used is as it was."""
    with pytest.raises(TablesFailed):
        await pad.fetch(statement)
    with pytest.raises(TablesFailed):
        await pad.execute(statement)
    async with database.connection(workspace) as connection:
        assert await connection.fetchval("SELECT current_user") == "diptych_app"
        assert await connection.fetchval("SELECT cdp.bound_workspace()") == workspace


async def test_a_statement_that_takes_too_long_is_ended(
    pad: PluginTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server."""
    monkeypatch.setattr("cdp.tables.offered.STATEMENT_SECONDS", 0.1)
    with pytest.raises(TablesFailed, match="statement timeout"):
        await pad.fetch("SELECT count(*) FROM generate_series(1, 1000000000)")


async def test_too_many_rows_are_refused(pad: PluginTables) -> None:
    """Rather than held in memory."""
    with pytest.raises(TablesFailed, match="more than 10000 rows"):
        await pad.fetch("SELECT generate_series(1, 1000000)")


async def test_files_are_applied_once_in_the_order_of_their_names(files: Files, pad: PluginTables) -> None:
    """A later one may change what an earlier one made; it is bound as before."""
    files.write("0003_index.sql", "CREATE INDEX note_by_colour ON note (workspace_id, colour);")
    files.write(
        "0002_colour.sql",
        "ALTER TABLE note ADD COLUMN colour text; ALTER TABLE note DISABLE ROW LEVEL SECURITY;",
    )
    assert await files.apply() == ["0002_colour.sql", "0003_index.sql"]
    assert await files.apply() == []
    await pad.execute("INSERT INTO note (text, colour) VALUES ('a', 'red')")


async def test_a_file_may_change_rows_of_all_workspaces_and_then_sees_none_again(
    files: Files,
    pad: PluginTables,
    database: Database,
    other_workspace: WorkspaceId,
    superuser: asyncpg.Connection,
) -> None:
    """What an upgrade does to what is kept already; tables are bound even for who owns them at all other times."""
    theirs = PluginTables(database, "pad", other_workspace)
    for one in (pad, theirs):
        await one.execute("INSERT INTO note (text) VALUES ('a')")
    files.write("0002_upper.sql", "UPDATE note SET text = upper(text);")
    await files.apply()
    for one in (pad, theirs):
        assert await one.fetch("SELECT text FROM note") == [{"text": "A"}]
    assert await superuser.fetchval(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'plugin_pad.note'::regclass"
    )


async def test_a_later_file_cannot_lift_what_keeps_workspaces_apart(
    files: Files, pad: PluginTables, database: Database, other_workspace: WorkspaceId
) -> None:
    """It is bound anew after each."""
    await pad.execute("INSERT INTO note (text) VALUES ('ours')")
    files.write(
        "0002_open.sql",
        "DROP POLICY bound ON note; ALTER TABLE note DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;",
    )
    await files.apply()
    assert await PluginTables(database, "pad", other_workspace).fetch("SELECT text FROM note") == []
    assert await pad.fetch("SELECT text FROM note") == [{"text": "ours"}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CREATE TABLE t (a int PRIMARY KEY)", "no column workspace_id"),
        ("CREATE TABLE t (workspace_id int NOT NULL, PRIMARY KEY (workspace_id))", "no column workspace_id"),
        ("CREATE TABLE t (workspace_id bigint NOT NULL)", "no primary key"),
        ("CREATE TABLE t (workspace_id bigint, a int, PRIMARY KEY (a, workspace_id))", "does not begin with"),
        (
            "CREATE TABLE t (workspace_id bigint PRIMARY KEY, a int); CREATE UNIQUE INDEX u ON t (a)",
            "does not begin with",
        ),
        ("CREATE VIEW v AS SELECT 1", "neither a table"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "functions are not allowed"),
        (
            "CREATE TABLE t (workspace_id bigint PRIMARY KEY); CREATE POLICY mine ON t USING (true)",
            "a policy of its own",
        ),
        ("DROP TABLE public.profile", "must be owner"),
        ("SELECT * FROM public.api_key", "permission denied"),
        ("CREATE TABLE public.t (workspace_id bigint PRIMARY KEY)", "permission denied"),
        ("RESET ROLE; DROP TABLE public.profile", "role"),
        ("SET ROLE diptych_owner", "role"),
        ("SET SESSION AUTHORIZATION diptych_owner", "session"),
        ("COMMIT; DROP TABLE public.profile", "transaction"),
        ("CREATE TABLE t (", "syntax error"),
    ],
)
async def test_a_file_that_makes_what_it_must_not_is_undone(
    files: Files, superuser: asyncpg.Connection, text: str, why: str
) -> None:
    """Named, with the reason; the database is as it was."""
    files.write("0001_bad.sql", text)
    with pytest.raises(Misconfigured, match=rf"0001_bad\.sql.*undone: .*{why}"):
        await files.apply()
    assert not await superuser.fetchval(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'plugin_pad')"
    )
    assert await superuser.fetchval("SELECT to_regclass('public.profile') IS NOT NULL")


async def test_a_file_that_was_edited_after_it_was_applied_is_refused(
    files: Files, pad: PluginTables
) -> None:
    """What it says now is not what the database has."""
    files.write("0001_notes.sql", NOTES + "-- and more\n")
    with pytest.raises(Misconfigured, match=r"0001_notes\.sql of the plugin pad has been edited"):
        await files.apply()


async def test_a_plugin_s_data_can_be_dropped_and_made_anew(
    files: Files, pad: PluginTables, database_urls: DatabaseUrls
) -> None:
    """Of all workspaces at once; twice is once."""
    await pad.execute("INSERT INTO note (text) VALUES ('gone')")
    assert await tables.drop(database_urls.owner, "pad")
    assert not await tables.drop(database_urls.owner, "pad")
    with pytest.raises(TablesFailed):
        await pad.fetch("SELECT text FROM note")
    assert await files.apply() == ["0001_notes.sql"]
    assert await pad.fetch("SELECT text FROM note") == []


async def test_one_plugin_does_not_see_another_s_tables(
    files: Files, pad: PluginTables, database: Database
) -> None:
    """Though both are in one database."""
    await files.apply("other")
    other = PluginTables(database, "other", pad._workspace_id)
    assert await other.fetch("SELECT text FROM note") == []
    with pytest.raises(TablesFailed, match="permission denied"):
        await other.fetch("SELECT text FROM plugin_pad.note")


async def test_a_plugin_without_its_tables_is_told_which_command_makes_them(
    database: Database, workspace: WorkspaceId
) -> None:
    """At the call, and nothing else of it stops."""
    with pytest.raises(TablesFailed, match="cdp tables migrate"):
        await PluginTables(database, "never_made", workspace).fetch("SELECT 1")
