"""What code generators make of the schema compiles, and asks and changes on a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp.access.keys import create_key
from cdp.db.pool import Database
from tests.acceptance.conftest import HERE, Node, Server, Tenants, installed

ROOT = HERE.parents[1]
FOLDER = HERE / "codegen"
GENERATED = FOLDER / "generated"
BIN = "Scripts" if sys.platform == "win32" else "bin"


@dataclass(frozen=True)
class Asked:
    """A server, and a key to a workspace with four people."""

    url: str
    key: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SERVER": self.url,
            "KEY": self.key,
            "SERVER_URL": f"{self.url}/graphql",
            "AUTHORIZATION": f"Bearer {self.key}",
        }


@pytest.fixture
async def asked(server: Server, tenants: Tenants, request: pytest.FixtureRequest) -> Asked:
    tenant = await tenants.make(request.node.name[:100])
    database = await Database.connect(server.database_url, max_size=1)
    key = await create_key(database, tenant.workspace_id, "ADMIN", "codegen")
    await database.close()
    people = [
        {"type": "identify", "userId": name.lower(), "traits": {"name": name}}
        for name in ("Ada", "Bob", "Cid", "Dee")
    ]
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post("/v1/batch", json={"batch": people}, auth=(tenant.key, ""))
    assert answer.json()["accepted"] == 4
    return Asked(server.url, key)


@pytest.fixture(scope="module")
def generators() -> Node:
    """Node with the generators, and what they wrote the last time removed."""
    node = installed(FOLDER)
    shutil.rmtree(GENERATED, ignore_errors=True)
    (GENERATED / "relay").mkdir(parents=True)
    shutil.copy(ROOT / "schema.graphql", GENERATED)
    return node


def program(node: Node, package: str, name: str) -> str:
    """The script behind a package's command."""
    folder = node.folder / "node_modules" / package
    named = json.loads((folder / "package.json").read_text())["bin"]
    return str(folder / (named if isinstance(named, str) else named[name]))


def test_relay_and_the_client_preset_of_graphql_codegen(generators: Node, asked: Asked) -> None:
    """Relay reads schema.graphql, the other one asks the server for it; both compile strictly, and run."""
    generators.run(program(generators, "relay-compiler", "relay-compiler"))
    generators.run(
        program(generators, "@graphql-codegen/cli", "graphql-codegen"),
        "--config",
        "codegen.yml",
        env=asked.environment,
    )
    generators.run(program(generators, "typescript", "tsc"), "--project", ".")
    compiled = GENERATED / "js" / "src"
    typed = json.loads(generators.run(str(compiled / "typed.js"), asked.url, asked.key))
    assert typed == {"before": "Ada", "level": "COLD", "after": "Ada by codegen", "errors": []}
    relay = json.loads(generators.run(str(compiled / "relay.js"), asked.url, asked.key))
    assert relay == {
        "first": ["Ada by codegen", "Bob"],
        "more": ["Ada by codegen", "Bob", "Cid", "Dee"],
        "renamed": "Ada by Relay",
    }


def test_the_schema_passes_the_lints_of_graphql_eslint(generators: Node) -> None:
    """Its recommendations and those for Relay, but for what we decided otherwise."""
    eslint = program(generators, "eslint", "eslint")
    printed = generators.run(eslint, "--format", "json", "generated/schema.graphql", status=1)
    lines = (GENERATED / "schema.graphql").read_text().splitlines()
    found = {
        (message["ruleId"].removeprefix("@graphql-eslint/"), lines[message["line"] - 1].strip())
        for file in json.loads(printed)
        for message in file["messages"]
    }
    assert found == {
        # A refused event is no object of the workspace, and no id finds it.
        ("relay-edge-types", "type RefusedEventEdge {"),
        # Nor is an entry of the audit log.
        ("relay-edge-types", "type AuditEntryEdge {"),
        # A subscription follows the beginning of a list, never a later page.
        ("relay-arguments", "profilesChanged("),
    }


def test_ariadne_codegen(generators: Node, asked: Asked) -> None:
    """It lives in a virtualenv of its own: it cannot share graphql-core with the server."""
    folder = FOLDER / "python"
    python = with_requirements(folder / "requirements.txt")
    for command in (["-m", "ariadne_codegen"], ["-W", "error", "ask.py"]):
        done = subprocess.run(
            [str(python), *command],
            cwd=folder,
            env=asked.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told == {
        "before": "Ada",
        "after": "Ada by Ariadne",
        "traits": {"name": "Ada by Ariadne", "tags": ["a", None]},
        "errors": [],
        "people": [4, 2],
    }


@pytest.mark.parametrize(
    ("language", "file"),
    [("yaml", "codegen.yml"), ("json", "relay.config.json"), ("toml", "python/pyproject.toml")],
)
def test_the_guide_has_the_settings_that_are_tried_here(language: str, file: str) -> None:
    section = (ROOT / "docs" / "graphql.md").read_text().split("## Typed clients")[1].split("\n## ")[0]
    assert re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL) == [(FOLDER / file).read_text()]


def with_requirements(requirements: Path) -> Path:
    """The Python of a virtualenv with these packages; made once for each version of the file."""
    folder = ROOT / ".build" / requirements.parent.parent.name
    python = folder / BIN / "python"
    ready = folder / "requirements.txt"
    if not ready.is_file() or ready.read_bytes() != requirements.read_bytes():
        venv.create(folder, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
        subprocess.run([str(python), *install], check=True)
        shutil.copy(requirements, ready)
    return python
