"""`cdp audit`: the log is listed, exported and verified, and a copy of it too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import parse, validate

from cdp.cli import run
from cdp.graphql.schema import build_schema
from cdp.model import WorkspaceId
from tests.conftest import DatabaseUrls

pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def place(database_url: str, workspace: WorkspaceId) -> list[str]:
    """A workspace in whose log commands have left three entries."""
    place = ["--workspace", "Acme", "--database-url", database_url]
    assert run(["roles", "resolve", *place]) == 0
    assert run(["retention", *place, "--months", "24"]) == 0
    assert (
        run(["workspaces", "limit", "Acme", "--events-per-second", "5", "--database-url", database_url]) == 0
    )
    return place


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert run(arguments) == status
    caught = capsys.readouterr()
    return caught.out + caught.err


def test_the_log_is_listed(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "audit", "list", *place).splitlines()
    assert [(line.split()[0], line.split()[3]) for line in lines] == [
        ("3", "operator"),
        ("2", "operator"),
        ("1", "operator"),
    ]
    assert 'workspaceLimit    {"events_per_second":5.0}' in lines[0]
    assert 'workspaceSettingsUpdate    {"retentionMonths":24}' in lines[1]
    (one,) = printed(capsys, "audit", "list", *place, "--act", "rolesResolve").splitlines()
    assert one == lines[2]
    assert printed(capsys, "audit", "list", *place, "--principal", "key:1") == ""


def test_what_concerns_all_workspaces_stands_in_each_log(
    place: list[str], database_urls: DatabaseUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it is done: what is dropped does not come back."""
    drop = ("tables", "drop", "diptych_notifier", "--yes", "--database-url", database_urls.owner)
    assert "There is no schema" in printed(capsys, *drop, status=1)
    (line,) = printed(capsys, "audit", "list", *place, "--act", "pluginTablesDrop").splitlines()
    assert line.endswith("pluginTablesDrop  diptych_notifier  {}")


def test_a_copy_is_verified_like_the_log(
    place: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Both name the same head; that a copy was taken stands in the log."""
    whole = printed(capsys, "audit", "verify", *place)
    head = printed(capsys, "audit", "head", *place).strip()
    assert whole == f"Acme: 3 entries, the chain is whole; head {head}\n"
    copy = tmp_path / "audit.jsonl"
    copy.write_text(printed(capsys, "audit", "export", *place), encoding="utf-8")
    acts = [json.loads(line)["entry"]["act"] for line in copy.read_text(encoding="utf-8").splitlines()]
    assert acts == ["rolesResolve", "workspaceSettingsUpdate", "workspaceLimit", "auditExport"]
    last = printed(capsys, "audit", "head", *place).strip()
    assert printed(capsys, "audit", "verify", "--file", str(copy), "--anchor", head) == (
        f"audit.jsonl: 4 entries, the chain is whole; head {last}\n"
    )


def test_a_copy_that_was_meddled_with_is_not_whole(
    place: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = printed(capsys, "audit", "export", *place).splitlines(keepends=True)
    copy = tmp_path / "audit.jsonl"
    copy.write_text("".join([lines[0], lines[1].replace(":24}", ":25}"), lines[3]]), encoding="utf-8")
    told = printed(capsys, "audit", "verify", "--file", str(copy), status=1)
    assert "cdp: entry 2: it is not what was written\n" in told
    assert "cdp: entry 4: it follows 2: those between are missing, or moved\n" in told
    assert "audit.jsonl: 3 entries, the chain is broken" in told
    copy.write_text("{}\n", encoding="utf-8")
    assert "Line 1 is no entry" in printed(capsys, "audit", "verify", "--file", str(copy), status=2)


def test_a_part_of_the_log_is_a_copy_of_its_own(
    place: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It need not begin with the first entry."""
    lines = printed(capsys, "audit", "export", *place, "--since", "2020-01-01").splitlines(keepends=True)
    copy = tmp_path / "part.jsonl"
    copy.write_text("".join(lines[1:3]), encoding="utf-8")
    assert "part.jsonl: 2 entries, the chain is whole" in printed(
        capsys, "audit", "verify", "--file", str(copy)
    )
    assert printed(capsys, "audit", "export", *place, "--until", "2020-01-01") == ""


def test_a_copy_is_verified_by_the_few_lines_of_the_documentation(
    place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    copy = printed(capsys, "audit", "export", *place)

    def verify(text: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", script], input=text.encode(), check=False, capture_output=True
        ).returncode

    lines = copy.splitlines(keepends=True)
    assert verify(copy) == 0
    assert verify(copy.replace("retentionMonths", "retentionYears")) == 1
    assert verify("".join([lines[0], *lines[2:]])) == 1


def test_the_query_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)
    assert validate(build_schema().graphql_schema, parse(query)) == []
