"""The command line, called as a shell calls it, but within this process."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import asyncpg
import pytest
from click import Context, Group

from cdp.cli import run
from cdp.cli.commands import COMMANDS, cdp
from tests.conftest import DatabaseUrls

pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "CDP_DATABASE_URL", "CDP_DATA"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def at(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clone stands in the environment."""
    monkeypatch.setenv("DATABASE_URL", database_url)


def every_command(group: Group = cdp, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    context = Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*path, name))
        if isinstance(command, Group):
            found += every_command(command, (*path, name))
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Example: cdp {command[0]}" in shown


def test_the_commands_are_those_of_the_interface(capsys: pytest.CaptureFixture[str]) -> None:
    """Listing them imports none of them: it must answer at once."""
    assert run(["--help"]) == 0
    listed = re.findall(r"^  (\w+)  +\S", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE)
    assert listed == list(COMMANDS)
    assert set(listed) == {
        *(
            "serve",
            "worker",
            "demo",
            "enrich",
            "migrate",
            "workspaces",
            "keys",
            "issuers",
            "access",
            "audit",
            "import",
            "rebuild",
            "retention",
            "roles",
            "jobs",
            "tables",
            "traits",
            "visitors",
            "plugins",
            "schema",
            "doctor",
        )
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["serve", "--port", "http"], "'http' is not a valid integer"),
        (["workspaces", "list"], "Which database? Give --data FOLDER or --database-url URL"),
        (["workspaces", "list", "--data", "x", "--database-url", "y"], "not both"),
        (["keys"], "Name one of its commands. See: cdp keys --help"),
        (["keys", "create", "--workspace", "a", "--role", "ADMIN", "--expires", "2020-01-01"], "is over"),
        (["serve", "--host", "nowhere.invalid", "--plugins-dir", "/nowhere"], "'/nowhere' does not exist"),
        (["import", "/nowhere.csv", "--workspace", "a"], "'/nowhere.csv' does not exist"),
        (["import", __file__, "--workspace", "a", "--map", "x"], "write COLUMN=FIELD"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cdp: ")
    assert says in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "command",
    [
        "workspaces list",
        "keys list --workspace a",
        "migrate status",
        "rebuild",
        "worker",
        "doctor",
        "plugins",
    ],
)
def test_a_mistyped_folder_does_not_become_a_database(
    command: str, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what is meant to make one does; the others name the command for it."""
    wrong = data_folder / "dta"
    assert run([*command.split(), "--data", str(wrong)]) in {1, 2}
    printed = capsys.readouterr()
    said = f"There is no database in {wrong}. To make one there: cdp workspaces create NAME --data {wrong}"
    assert said in printed.err + printed.out
    assert not wrong.exists()


def test_a_folder_of_other_things_is_left_alone(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_folder.mkdir()
    (data_folder / "letter.txt").touch()
    assert run(["workspaces", "create", "acme", "--data", str(data_folder)]) == 1
    assert f"The folder {data_folder} holds other things (letter.txt)" in capsys.readouterr().err
    assert [path.name for path in data_folder.iterdir()] == ["letter.txt"]


def test_what_comes_next_can_be_pasted(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that a shell would split is quoted, and the database is the same one."""
    assert run(["workspaces", "create", "acme & co", "--data", str(data_folder)]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"cdp keys create --workspace 'acme & co' --role ADMIN --data {data_folder}\n")
    assert run(shlex.split(said.partition("Next: cdp ")[2])) == 0


def test_a_variable_that_is_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDP_PORT", "eighty")
    assert run(["serve"]) == 2
    assert "CDP_PORT='eighty' is not a number" in capsys.readouterr().err


def test_a_database_that_is_away_is_said_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The address is shown, the password is not."""
    assert run(["workspaces", "list", "--database-url", "postgresql://me:secret@127.0.0.1:1/diptych"]) == 1
    said = capsys.readouterr().err
    assert "PostgreSQL cannot be reached at 127.0.0.1:1/diptych" in said
    assert "secret" not in said


def test_workspaces_and_keys_are_made_listed_and_ended(at: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A key is printed once, alone on standard output, so that a shell can keep it."""
    assert run(["workspaces", "create", "acme"]) == 0
    assert run(["workspaces", "create", "acme"]) == 1
    assert "already" in capsys.readouterr().err
    assert run(["workspaces", "list"]) == 0
    assert capsys.readouterr().out == "acme\n"
    assert run(["keys", "create", "--workspace", "acme", "--role", "sales", "--name", "crm"]) == 0
    key = capsys.readouterr().out
    assert re.fullmatch(r"cdp_sec_[0-9A-Za-z]{43}\n", key)
    assert run(["keys", "list", "--workspace", "acme"]) == 0
    listed = capsys.readouterr().out
    assert key.strip() not in listed
    number, prefix, role, state, used, name = listed.split()
    assert (key.startswith(prefix.rstrip("…")), role, state, used, name) == (
        True,
        "SALES",
        "good",
        "unused",
        "crm",
    )
    assert run(["keys", "revoke", number, "--workspace", "acme"]) == 0
    assert run(["keys", "list", "--workspace", "acme"]) == 0
    assert "revoked" in capsys.readouterr().out
    assert run(["keys", "revoke", "999", "--workspace", "acme"]) == 1
    assert run(["keys", "list", "--workspace", "nobody"]) == 1
    assert "`cdp workspaces create` makes one" in capsys.readouterr().err


def test_a_workspace_is_limited_and_unlimited(
    at: None, capsys: pytest.CaptureFixture[str], database_urls: DatabaseUrls
) -> None:
    """As docs/ingest.md says: the command replaces all limits; what is not named is the server's."""
    assert run(["workspaces", "create", "acme"]) == 0

    async def stored() -> str:
        connection = await asyncpg.connect(database_urls.superuser)
        try:
            return str(await connection.fetchval("SELECT limits::text || version FROM workspace"))
        finally:
            await connection.close()

    many = ["--events-per-second", "2000", "--key-requests-per-second", "50"]
    assert run(["workspaces", "limit", "acme", *many]) == 0
    assert asyncio.run(stored()) == '{"events_per_second": 2000.0, "key_requests_per_second": 50.0}2'
    assert run(["workspaces", "limit", "acme"]) == 0
    assert asyncio.run(stored()) == "{}3"
    assert run(["workspaces", "limit", "acme", "--events-per-second", "-1"]) == 2
    assert run(["workspaces", "limit", "nobody"]) == 1
    assert "`cdp workspaces create` makes one" in capsys.readouterr().err


def test_a_file_is_imported_and_its_views_agree_with_its_events(
    at: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 says that rows were rejected; `rebuild --check` finds no difference."""
    path = tmp_path / "people.csv"
    path.write_text("user_id,email\nu1,ada@acme.example\n,\n")
    assert run(["workspaces", "create", "acme"]) == 0
    capsys.readouterr()
    assert run(["import", str(path), "--workspace", "acme"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "people.csv: 2 rows of people; 1 event stored, 0 known already.\n"
    assert f"1 row rejected, 0 imported in part; see {path}.rejected.csv" in printed.err
    assert run(["rebuild", "--check"]) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl"])
def test_a_file_without_rows_is_said_to_have_none(
    at: None, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence: nothing of the progress bar stays behind."""
    path = tmp_path / name
    path.write_text("user_id,email\n" if name.endswith("csv") else "\n")
    assert run(["workspaces", "create", "acme"]) == 0
    capsys.readouterr()
    assert run(["import", str(path), "--workspace", "acme"]) == 2
    assert capsys.readouterr().err == f"cdp: {path} holds no rows.\n"


def test_a_migrated_database_has_nothing_to_do(
    database_urls: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_urls.owner)  # type: ignore[attr-defined]
    assert run(["migrate"]) == 0
    assert "every migration" in capsys.readouterr().out
    assert run(["migrate", "status"]) == 0
    said = capsys.readouterr().out
    assert said
    assert all(line.startswith("applied  ") for line in said.splitlines())
    monkeypatch.delenv("DATABASE_URL")
    place = ("--database-url", database_urls.owner)  # type: ignore[attr-defined]
    for asked in (["migrate", "status", *place], ["migrate", *place, "status"]):
        assert run(asked) == 0
        assert capsys.readouterr().out == said
    assert run(["migrate", "status"]) == 2


def test_plugins_are_listed_with_their_hooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that cannot be imported is named, with status 1; the others are listed all the same."""
    (tmp_path / "broken.py").write_text("raise RuntimeError('no licence')\n")
    assert run(["plugins", "--plugins-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "resolve_roles" in said
    assert re.search(r"broken.*\n  not loaded: .*no licence", said)


def test_the_schema_is_the_one_in_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    shown = capsys.readouterr().out
    assert "type Profile implements Node {" in shown
    assert shown.endswith("}\n")
