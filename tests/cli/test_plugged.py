"""Commands of plugins, as a shell calls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent

import asyncpg
import pytest

from cdp.cli import run
from cdp.cli.commands import COMMANDS
from cdp.hooks.additions import CORE_COMMANDS
from cdp.hooks.manager import Plugins
from tests.conftest import DatabaseUrls
from tests.graphql.extensions import module

pytestmark = pytest.mark.usefixtures("logs_as_before")

PLUGIN = '''
from datetime import date
from enum import Enum

from msgspec import Struct

from cdp.errors import BadInput
from cdp.hooks import hookimpl
from cdp.model import Command, CommandAnswer, CommandRequest, EventType, NewEvent


class Size(Enum):
    """How large."""

    SMALL = 1
    LARGE = 2


class Greeting(Struct, frozen=True):
    """Whom to greet."""

    who: str
    """Whom."""
    times: int = 1
    """How often."""
    since: date | None = None
    """Since when."""
    size: Size = Size.SMALL
    """How large."""
    loud: bool = False
    """Whether loudly."""
    notes: tuple[str, ...] = ()
    """What else."""


@hookimpl
def register_commands():
    return [
        Command(name="greet", description="Greet somebody.", run=greet, arguments=Greeting, positional=("who",)),
        Command(name="note", description="Note somebody.", run=note, arguments=Greeting, ingests=True),
    ]


def greet(request: CommandRequest) -> CommandAnswer:
    if request.arguments.who == "nobody":
        raise BadInput("There is nobody to greet.")
    if request.arguments.who == "me":
        return CommandAnswer(text="No.", failed=True)
    if request.arguments.who == "all":
        raise ValueError("too many")
    return CommandAnswer(text=f"{request.workspace} {request.arguments}")


async def note(request: CommandRequest) -> CommandAnswer:
    given = request.arguments
    events = [NewEvent(type=EventType.TRACK, message_id=given.who, user_id=given.who, event="Noted")]
    if given.loud:
        events.append(NewEvent(type=EventType.TRACK, message_id="nobody", event="Noted"))
    return CommandAnswer(text="Noted.", events=tuple(events))
'''


@pytest.fixture
def folder(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a workspace, and a folder with a plugin, in the environment."""
    (tmp_path / "greeter.py").write_text(dedent(PLUGIN), encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CDP_PLUGINS_DIR", str(tmp_path))
    assert run(["workspaces", "create", "acme"]) == 0
    return tmp_path


def test_a_command_is_given_its_options_typed_and_the_workspace(
    folder: Path, database_urls: DatabaseUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it contributes is stored when it ends; what it has to say is one sentence."""
    options = "--times 2 --since 2026-03-01 --size LARGE --loud --notes a --notes b --workspace acme"
    capsys.readouterr()
    assert run(["greeter", "greet", "Ann", *options.split()]) == 0
    assert capsys.readouterr().out == (
        "acme Greeting(who='Ann', times=2, since=datetime.date(2026, 3, 1), size=<Size.LARGE: 2>, loud=True, "
        "notes=('a', 'b'))\n"
    )
    sentences = {
        ("greet", "me", "--workspace", "acme"): (1, "No.\n", ""),
        ("greet", "nobody", "--workspace", "acme"): (2, "", "cdp: There is nobody to greet.\n"),
        ("greet", "all", "--workspace", "acme"): (
            1,
            "",
            "cdp: The plugin greeter failed: ValueError: too many\n",
        ),
        ("greet", "Ann"): (2, "", "cdp: Missing option '--workspace'. See: cdp greeter greet --help\n"),
        ("greet", "Ann", "--workspace", "acme", "--since", "soon"): (
            2,
            "",
            "cdp: An option cannot be used: Invalid RFC3339 encoded date - at `$.since`.\n",
        ),
        ("note", "--who", "ann", "--workspace", "acme"): (0, "Noted.\n", ""),
        ("note", "--who", "bob", "--loud", "--workspace", "acme"): (
            1,
            "Noted.\n",
            "cdp: event 1 was refused: Neither userId nor anonymousId names a person.\n",
        ),
    }
    for given, (status, out, err) in sentences.items():
        assert run(["greeter", *given]) == status
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == (out, err)
    assert asyncio.run(_senders(database_urls.superuser)) == ["ann", "bob"]


async def _senders(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT value FROM node WHERE kind = 'user_id' ORDER BY value")
    finally:
        await connection.close()
    return [row["value"] for row in rows]


def test_the_first_party_command_lists_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diptych-next-step", "list", "--workspace", "acme"]) == 0
    assert capsys.readouterr().out.endswith("There is nothing to do.\n")
    assert run(["diptych_next_step", "list", "--workspace", "acme", "--first", "0"]) == 2
    assert capsys.readouterr().err == "cdp: 1 to 200 people can be looked at.\n"


def test_the_schema_is_printed_with_what_the_loaded_plugins_add(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shelves.py").write_text(
        "from cdp.hooks import hookimpl\nfrom cdp.model import GraphField\n\n\n@hookimpl\ndef register_fields():\n"
        "    return [GraphField(on='Account', name='shelf', returns=str, description='Where.', trait='shelf')]\n",
        encoding="utf-8",
    )
    capsys.readouterr()
    assert run(["schema"]) == 0
    assert '  """Where."""\n  shelf: String @requires(' in capsys.readouterr().out


def test_no_plugin_can_take_a_command_of_the_core() -> None:
    assert set(COMMANDS) <= CORE_COMMANDS, "name it in cdp.hooks.additions"
    plugins = Plugins()
    plugins.register(module(register_commands=lambda: [_command()]), name="serve")
    assert plugins.health()[0].error == "`cdp serve` is a command of the core; give the plugin another name."


def _command() -> object:
    from cdp.model import Command, CommandAnswer

    return Command(name="go", description="Go.", run=CommandAnswer)
