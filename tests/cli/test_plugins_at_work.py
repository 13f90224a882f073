"""Plugins that raise, hang and answer nonsense in a real server: who reads of it, and what still works."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.serving import call, serving
from tests.conftest import DatabaseUrls

RAISES = """
from cdp.hooks import hookimpl

@hookimpl
def resolve_roles(membership):
    raise RuntimeError("no licence")
"""
HANGS = """
import time
from cdp.hooks import hookimpl

@hookimpl
def resolve_roles(membership):
    time.sleep(30)
"""
NONSENSE = """
from cdp.hooks import hookimpl

@hookimpl
def choose_personalisation(request):
    return "a banner"
"""
QUERY = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
  memberships { nodes { roles { role source } } } personalisation(slot: "home_hero") { plugin }
} }"""


def test_a_failing_plugin_harms_nobody_and_is_named_by_the_commands(
    database_urls: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles and slots of the others are there; `cdp plugins` and `cdp doctor` say who failed, where and how."""
    for name, code in {"raises": RAISES, "hangs": HANGS, "nonsense": NONSENSE}.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("CDP_PLUGINS_DIR", str(tmp_path))
    monkeypatch.setenv("CDP_HOOK_DEADLINE_MS", "200")
    database = ("--database-url", database_urls.app)
    assert call("workspaces", "create", "acme", *database).returncode == 0
    key = call("keys", "create", "--workspace", "acme", "--role", "ADMIN", *database).stdout.strip()
    with serving(*database) as (url, process):
        event = {
            "type": "track",
            "userId": "ada",
            "event": "Feature Used",
            "properties": {"feature": "search"},
        }
        sent = httpx.post(f"{url}/v1/batch", json={"batch": [event]}, auth=(key, ""), timeout=20)
        assert sent.status_code == 200
        person = _settled(url, key)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert {role["source"] for role in person["memberships"]["nodes"][0]["roles"]} == {"diptych_roles"}
    assert person["personalisation"] == {"plugin": "diptych_personalisation"}

    listed = call("plugins", *database)
    assert listed.returncode == 0, listed.stderr
    for name, says in {
        "raises": r"resolve_roles  \d+ calls?, \d+ raised.*\n    last failure .* UTC: RuntimeError: no licence",
        "hangs": r"resolve_roles  \d+ calls?, \d+ took too long.*\n    last failure .*",
        "nonsense": r"choose_personalisation  \d+ calls?, \d+ not allowed.*\n    last failure .*",
        "diptych_roles": r"register_roles\n  resolve_roles  \d+ calls?\n",
    }.items():
        assert re.search(rf"^{name} .*\n  {says}", listed.stdout, re.MULTILINE), listed.stdout
    of_acme = call("plugins", *database, "--workspace", "acme").stdout
    assert re.search(r"^raises .*\n  on in acme\n  resolve_roles", of_acme, re.MULTILINE), of_acme
    examined = call("doctor", *database)
    assert re.search(
        r"^(?:WARN|FAIL)  plugin hangs: resolve_roles: .* took too long", examined.stdout, re.MULTILINE
    )

    monkeypatch.delenv("CDP_PLUGINS_DIR")
    elsewhere = call("plugins", *database).stdout
    assert "raises  (not loaded here, but in a server or worker)\n  resolve_roles  " in elsewhere


def _settled(url: str, key: str) -> dict[str, object]:
    """The person, as soon as the worker has been with them."""
    headers = {"Authorization": f"Bearer {key}"}
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        answer = httpx.post(f"{url}/graphql", json={"query": QUERY}, headers=headers, timeout=20).json()
        person: dict[str, object] = answer["data"]["profile"]
        if person["memberships"]["nodes"][0]["roles"]:  # type: ignore[index]
            return person
    raise AssertionError(f"nobody settled: {answer}")
