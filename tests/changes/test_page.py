"""docs/changes.md: its commands run, its mutation sets the notifier up, its metrics are there."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from graphql import parse, validate
from graphql.utilities import value_from_ast_untyped
from prometheus_client import generate_latest

import diptych_notifier
from cdp.cli import run
from cdp.graphql.schema import build_schema
from cdp.hooks.manager import Plugins
from cdp.model import PluginState
from cdp.settle.background import Lag
from cdp.web.metrics import Metrics
from tests.conftest import DatabaseUrls
from tests.settle.parts import NOON

PAGE = (Path(__file__).parents[2] / "docs" / "changes.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("logs_as_before")
async def test_the_commands_run(database_urls: DatabaseUrls) -> None:
    """In the order of the page; tables are made before there is a job that wants them."""
    url = f"--database-url {database_urls.owner}"
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 9
    for command in ["cdp workspaces create acme --data ./data", *commands]:
        words = shlex.split(command.replace("--data ./data", url))
        assert words[0] == "cdp"
        assert await asyncio.to_thread(run, words[1:]) == 0, command


def test_the_mutation_sets_the_notifier_up() -> None:
    """It is of the schema, and the plugin takes the settings."""
    (text,) = blocks("graphql")
    document = parse(text)
    assert validate(build_schema().graphql_schema, document) == []
    configure = document.definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]
    given = value_from_ast_untyped(configure.arguments[0].value)["settings"]
    plugins = Plugins()
    plugins.register(diptych_notifier, name="diptych_notifier")
    settings, secrets = plugins.settings.changed("diptych_notifier", PluginState(), given)
    assert [channel["name"] for channel in settings["channels"]] == ["sales", "support"]
    assert set(secrets) == {"webhooks"}


def test_its_metrics_are_there() -> None:
    """By the names that stand in the table."""

    class Waiting:
        def lag(self) -> list[Lag]:
            return [Lag(plugin="p", changes=1, oldest_change=NOON)]

    metrics = Metrics()
    metrics.watch_background(Waiting(), lambda: NOON)
    for name in ("changes.delivered", "jobs.ended"):
        metrics.counted(name, ("p", "told"), 1)
    told = generate_latest(metrics.registry).decode()
    named = re.findall(r"^\| `(cdp_\w+)\{plugin,\w+\}` \|", PAGE, re.MULTILINE)
    assert len(named) == 4
    for name in named:
        assert f"\n{name}{{" in told, name
