"""The guide's commands and its mutation, carried out as they stand there."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from cdp.access.tokens import list_issuers
from cdp.cli import run
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.access.tokens.conftest import Api
from tests.conftest import make_workspace

GUIDE = (Path(__file__).parents[3] / "docs" / "tokens.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest.mark.usefixtures("logs_as_before")
async def test_every_command_of_the_guide_does_what_it_says(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six issuers are trusted; the two commands that look at something find nobody there."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    workspace = await make_workspace(database, "acme")
    statuses = {}
    for words in COMMANDS:
        assert words[:2] == ["cdp", "issuers"]
        at = words.index("--data")
        assert words[at + 1] == "./data"
        statuses[words[2], words[3]] = await asyncio.to_thread(run, words[1:at] + words[at + 2 :])
    said = capsys.readouterr()
    assert {status for (command, _), status in statuses.items() if command == "add"} == {0}, said.err
    assert {command for command, _ in statuses} == {"add", "check", "try"}
    async with database.connection(workspace) as connection:
        made = await list_issuers(connection, workspace)
    assert [one.url.split("/")[2] for one in made] == [
        "login.acme.example",
        "keycloak.acme.example",
        "acme.eu.auth0.com",
        "login.microsoftonline.com",
        "accounts.google.com",
        "token.actions.githubusercontent.com",
    ]


async def test_the_mutation_of_the_guide_does_the_same_as_its_first_command(
    api: Api, database: Database, workspace: WorkspaceId
) -> None:
    (document,) = re.findall(r"^```graphql\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    answer = await api.ask(document)
    assert answer["data"]["tokenIssuerDefine"]["userErrors"] == []
    async with database.connection(workspace) as connection:
        (made,) = await list_issuers(connection, workspace)
    words = COMMANDS[0]
    assert sorted(words[at + 1] for at, word in enumerate(words) if word == "--scope") == sorted(made.scopes)
    assert [(words[at + 1], words[at + 2]) for at, word in enumerate(words) if word == "--grant"] == [
        (one.role, f"{one.condition.claim}={one.condition.value}") for one in made.rules
    ]
