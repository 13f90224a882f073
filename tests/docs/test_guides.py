"""The guides' commands, run in the order in which a reader would."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pglast
import pytest

from cdp.cli import run
from tests.cli.serving import call, environment, serving

DOCS = Path(__file__).parents[2] / "docs"
LOCAL = "http://127.0.0.1:8000"

pytestmark = pytest.mark.usefixtures("logs_as_before")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@dataclass
class Served:
    url: str
    data: str
    keys: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The first blocks of Getting started: a server, a workspace, two keys."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="diptych-docs-") as folder:
        Path(folder).chmod(0o755)
        data = str(Path(folder) / "data")
        keys = {}
        serve, others = blocks("getting-started.md", "sh")[:2]
        assert serve == "cdp serve --data ./data\n"
        with serving("--data", data) as (url, _):
            *commands, last = others.splitlines()
            assert last == 'echo "$ADMIN_KEY" "$INGEST_KEY"'
            for command in commands:
                kept = re.fullmatch(r"(\w+)_KEY=\$\((.*)\)", command)
                words = shlex.split((kept[2] if kept else command).replace("./data", data))
                assert words[0] == "cdp"
                done = call(*words[1:])
                assert done.returncode == 0, done.stderr
                if kept:
                    assert words[words.index("--role") + 1] == kept[1]
                    keys[kept[1]] = done.stdout.strip()
            yield Served(url, data, keys)


def curled(command: str, served: Served) -> httpx.Response:
    """What a `curl` of the guides sends, sent."""
    for name in ("INGEST", "ADMIN"):
        command = command.replace(f"${name}_KEY", served.keys[name])
    words = shlex.split(command)
    assert words[:2] == ["curl", "-s"]
    options = list(zip(words[3::2], words[4::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    (body,) = [value for option, value in options if option == "-d"]
    (user,) = [value for option, value in options if option == "-u"] or [":"]
    auth = httpx.BasicAuth(*user.split(":", 1)) if user != ":" else None
    return httpx.post(
        words[2].replace(LOCAL, served.url), content=body.encode(), headers=headers, auth=auth, timeout=20
    )


def ask(served: Served, query: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {served.keys['ADMIN']}"}
    response = httpx.post(f"{served.url}/graphql", json={"query": query}, headers=headers, timeout=20)
    return dict(response.json())


def test_getting_started_gets_one_started(served: Served) -> None:
    """The events are taken, and the query right after them has the answer that stands there."""
    *_, send, query = blocks("getting-started.md", "sh")
    for _ in range(2):
        assert curled(send, served).status_code == 200
    assert curled(query, served).json() == json.loads(blocks("getting-started.md", "json")[0])
    account = ask(
        served, '{ account(domain: "acme.example") { buyerIntent { purchases { totals { amount } } } } }'
    )
    (total,) = account["data"]["account"]["buyerIntent"]["purchases"]["totals"]
    assert Decimal(total["amount"]) == 1200


def test_the_python_sdk_snippet_delivers(served: Served, tmp_path: Path) -> None:
    """Unmodified, but for its host and key."""
    (snippet,) = blocks("ingest.md", "python")
    script = tmp_path / "snippet.py"
    script.write_text(snippet.replace(LOCAL, served.url).replace("INGEST_KEY", repr(served.keys["INGEST"])))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    query = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
      traits memberships { nodes { account { name } } } } }"""
    profile = ask(served, query)["data"]["profile"]
    assert profile["traits"]["title"] == "Analyst"
    assert profile["memberships"] == {"nodes": [{"account": {"name": "Acme"}}]}


def test_the_import_commands_import(served: Served, tmp_path: Path) -> None:
    import gzip

    (tmp_path / "people.csv").write_text("user_id,email,account_id\nlin,lin@initech.example,initech\n")
    packed = gzip.compress(b"Company ID,Staff,name\ninitech,120,Initech\n")
    (tmp_path / "crm-accounts.csv.gz").write_bytes(packed)
    (tmp_path / "events.jsonl").write_text('{"userId": "lin", "event": "Signed In"}\n')
    commands = next(
        block for block in blocks("ingest.md", "sh") if block.startswith("cdp import")
    ).splitlines()
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command.replace("./data", served.data))
        done = subprocess.run(
            [sys.executable, "-m", "cdp", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment() | {"PYTHONPATH": str(DOCS.parent)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r": 1 row of (people|accounts|events); [12] \w+ stored, 0 known", done.stdout), (
            done.stdout
        )
    query = """{ profile(identifier: {kind: "user_id", value: "lin"}) {
      memberships { nodes { account { name traits } } } } }"""
    (node,) = ask(served, query)["data"]["profile"]["memberships"]["nodes"]
    assert node["account"]["name"] == "Initech"
    assert node["account"]["traits"]["employees"] == 120


def test_every_setting_of_the_process_is_documented() -> None:
    """Each field of Settings has its variable in Operations."""
    from dataclasses import fields

    from cdp.settings import Settings

    page = (DOCS / "operations.md").read_text()
    missing = [f.name for f in fields(Settings) if f"CDP_{f.name.upper()}" not in page]
    assert missing == []


def test_every_setting_of_a_workspace_is_documented_with_its_default() -> None:
    from msgspec.structs import fields

    from cdp.model import WorkspaceSettings

    rows = re.findall(r"^\| (`[\w`, ]+`) \| ([^|]+) \|", (DOCS / "concepts.md").read_text(), re.MULTILINE)
    documented = {}
    for names, values in rows:
        for name, value in zip(re.findall(r"`(\w+)`", names), values.split(","), strict=False):
            documented[name] = value.strip()
    for field in fields(WorkspaceSettings):
        assert field.name in documented, field.name
        shown = documented[field.name]
        if field.default in ((), ""):
            assert shown == "none", field.name
        else:
            assert shown == f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_of_the_runbook_does_what_it_says(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last of the tests with this server: it ends with the key revoked."""
    item = {"type": "track", "event": "Signed In", "messageId": "nobody's"}
    batch = httpx.post(
        f"{served.url}/v1/batch", json={"batch": [item]}, auth=(served.keys["INGEST"], ""), timeout=20
    )
    assert batch.json()["refused"][0]["code"] == "MISSING_ID"
    said = {}
    for block in blocks("runbook.md", "sh"):
        for line in block.replace("\\\n", "").splitlines():
            words = shlex.split(line.replace("./data", served.data))
            match words[:2]:
                case ["curl", "-s"] if len(words) == 3:
                    said[line] = httpx.get(words[2].replace(LOCAL, served.url), timeout=20).text
                case ["curl", "-s"]:
                    said[line] = curled(line, served).text.replace(" ", "")
                case ["cdp", "worker"]:
                    continue  # it runs until it is stopped; tests/web/test_processes.py has it
                case ["cdp", _]:
                    assert run(words[1:]) == 0, line
                    said[line] = capsys.readouterr().out
                case other:
                    assert other == ["cp", "-a"]
    said_in_order = list(said.values())
    assert json.loads(said_in_order[0])["checks"]["migrations"] == {"ok": True}
    assert "OK    migrations: all applied" in said_in_order[1]
    assert '"code":"MISSING_ID"' in said_in_order[2]
    assert '"replayed":0,"userErrors":[]' in said_in_order[3]
    assert any("no difference" in text for text in said_in_order)
    assert run(["keys", "list", "--workspace", "acme", "--data", served.data]) == 0
    assert re.search(r"^ +1 .* revoked", capsys.readouterr().out, re.MULTILINE)


def test_a_copied_folder_is_a_backup(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the runbook says: stopped, copied, and started from the copy."""
    backup = str(data_folder.with_name("backup"))
    assert run(["workspaces", "create", "acme", "--data", str(data_folder)]) == 0
    (copy,) = [
        line for block in blocks("runbook.md", "sh") for line in block.splitlines() if line.startswith("cp ")
    ]
    words = shlex.split(copy.replace("./data", str(data_folder)).replace("./backup", backup))
    subprocess.run(words, check=True)
    shutil.rmtree(data_folder)
    capsys.readouterr()
    assert run(["workspaces", "list", "--data", backup]) == 0
    assert capsys.readouterr().out == "acme\n"


async def test_every_statement_of_the_runbook_can_be_run(superuser: asyncpg.Connection) -> None:
    for statement in blocks("runbook.md", "sql"):
        if "pg_stat_statements" in statement:
            pglast.parse_sql(statement)  # it is there only where the server was started with it
        else:
            await superuser.execute(statement)
