"""`cdp traits`, as its guide has it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from cdp.cli import run

GUIDE = Path(__file__).parents[2] / "docs" / "personal-data.md"


def test_the_commands_of_the_guide_classify_and_list(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Declared under one spelling, listed with what came, forgotten under another; each is in the audit log."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    people = tmp_path / "events.jsonl"
    traits = {"leadScore": 7, "homePhone": "1", "tier": "gold"}
    people.write_text(json.dumps({"type": "identify", "userId": "ada", "traits": traits}) + "\n")

    def says(*command: str) -> str:
        assert run(command) == 0
        return capsys.readouterr().out.strip()

    says("workspaces", "create", "acme")
    says("import", str(people), "--workspace", "acme")
    (block,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    commands = [shlex.split(line.replace(" --data ./data", ""))[1:] for line in block.splitlines()]
    assert says(*commands[0]) == "leadScore is INTENT."
    listed = [re.sub(r" on [-0-9]+", "", line) for line in says(*commands[1]).splitlines()]
    assert listed == [
        "PERSONAL  homePhone  (guessed)",
        "INTENT    leadScore  (declared by command line)",
        "OPEN      tier  (guessed)",
    ]
    assert says(*commands[2]) == "Nothing is declared of leadScore any more."
    assert run(commands[2]) == 1
    assert capsys.readouterr().err.strip() == "cdp: No class is declared for 'leadScore'."
    log = says("audit", "list", "--workspace", "acme")
    assert ("traitClassSet" in log, "traitClassRemove" in log) == (True, True)
