"""While a server runs with `--reload`, plugins are what their files say."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp.cli import run
from tests.cli.serving import call, serving

PLUGIN = """
from msgspec import Struct
from cdp.hooks import hookimpl
from cdp.model import GraphField

class Person(Struct, frozen=True):
    display_name: str | None

@hookimpl
def register_fields():
    says = "A greeting."
    return [
        GraphField(on="Profile", name="{name}", returns=str, description=says, requires=Person, resolve=greet)
    ]

def greet(request):
    return ["{says}" for _ in request.objects]
"""
EVENT = {"type": "track", "userId": "ada", "event": "Signed In"}


class Served:
    """A server with one plugin, greeting.py."""

    def __init__(self, url: str, process: subprocess.Popen[str], folder: Path, key: str) -> None:
        self._url = url
        self._process = process
        self._file = folder / "greeting.py"
        self._key = key

    def write(self, text: str) -> None:
        self._file.write_text(text)

    def said(self, words: str) -> str:
        """Read what the server prints until these words come."""
        assert self._process.stdout is not None
        read = []
        for line in self._process.stdout:
            read.append(line)
            if words in line:
                return "".join(read)
        raise AssertionError("".join(read))

    def ask(self, field: str) -> Any:
        query = f'{{ profile(identifier: {{kind: "user_id", value: "ada"}}) {{ {field} }} }}'
        headers = {"Authorization": f"Bearer {self._key}"}
        answer = httpx.post(f"{self._url}/graphql", json={"query": query}, headers=headers, timeout=20).json()
        return answer["data"]["profile"][field] if "errors" not in answer else answer["errors"][0]["message"]


def test_a_changed_plugin_is_used_and_a_broken_one_is_shown_and_left_where_it_was(
    data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "greeting.py").write_text(PLUGIN.format(name="greeting", says="Hello"))
    database = ("--data", str(data_folder))
    with serving("--reload", "--plugins-dir", str(tmp_path), *database) as (url, process):
        assert call("workspaces", "create", "acme", *database).returncode == 0
        key = call("keys", "create", "--workspace", "acme", "--role", "ADMIN", *database).stdout.strip()
        served = Served(url, process, tmp_path, key)
        sent = httpx.post(f"{url}/v1/batch", json={"batch": [EVENT]}, auth=(key, ""), timeout=20)
        assert sent.status_code == 200, served.said("Error")
        assert served.ask("greeting") == "Hello"
        # What it registers is new too, and a text of the same length is another one.
        served.write(PLUGIN.format(name="saluting", says="Ahoy!"))
        served.said("greeting.py changed: reloaded in")
        assert served.ask("saluting") == "Ahoy!"
        assert "greeting" in served.ask("greeting")  # in the message: there is no such field
        served.write(PLUGIN.format(name="saluting", says="Howdy"))
        served.said("greeting.py changed: reloaded in")
        assert served.ask("saluting") == "Howdy"
        served.write("from cdp.hooks import hookimpl\n\nhookimpl(nobody)\n")
        shown = served.said("the former plugins go on")
        assert f'File "{tmp_path}/greeting.py", line 3, in <module>' in shown
        assert "NameError: name 'nobody' is not defined" in shown
        assert served.ask("saluting") == "Howdy"
        served.write(PLUGIN.format(name="profile_id", says="Taken").replace("profile_id", "usage"))
        assert "usage" in served.said("the former plugins go on")
        assert served.ask("saluting") == "Howdy"
        served.write(PLUGIN.format(name="saluting", says="Hello"))
        served.said("greeting.py changed: reloaded in")
        assert served.ask("saluting") == "Hello"


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("other", [("--workers", "2"), ("--no-worker",)])
def test_several_processes_are_not_reloaded(
    other: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--reload", *other]) == 2
    assert "--reload is for one process that also settles" in capsys.readouterr().err
