"""`cdp retention` and `cdp rebuild` on a database with a history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdp.cli import run


@pytest.fixture
def at(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command works on the test's own database."""
    monkeypatch.setenv("DATABASE_URL", database_url)


def test_events_are_dropped_and_the_same_file_still_counts_once(
    at: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was dropped is told; views agree with what is left and with what was kept of the rest."""
    now = datetime.now(UTC)
    calls = [
        {
            "type": "track",
            "userId": "ada",
            "event": "Signed In",
            "timestamp": (now - timedelta(days=days)).isoformat(),
        }
        for days in (0, 1, 200, 300)
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(call)}\n" for call in calls))

    def says(*command: str) -> str:
        assert run(command) == 0
        return capsys.readouterr().out.strip()

    says("workspaces", "create", "acme")
    says("import", str(file), "--workspace", "acme")
    of_acme = ("retention", "--workspace", "acme")
    assert says(*of_acme) == "acme: events are kept for ever; none was dropped so far"
    assert (
        says(*of_acme, "--months", "3")
        == "acme: events are dropped after 3 whole months; none was dropped so far"
    )
    said = says(*of_acme, "--now")
    assert said.startswith("acme: events are dropped after 3 whole months; 2 from before ")
    said = says("import", str(file), "--workspace", "acme")
    assert said == "events.jsonl: 4 rows of events; 0 events stored, 4 known already."
    said = says("rebuild", "--check")
    assert said.startswith("acme: 1 identifiers, 2 events: no difference\n  2 events from before ")
    assert "(Signed In 2)" in said
    assert says(*of_acme, "--forever").startswith("acme: events are kept for ever; 2 from before ")


def test_how_long_events_are_kept_is_months_or_for_ever(at: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["workspaces", "create", "acme"]) == 0
    assert run(["retention", "--workspace", "acme", "--months", "3", "--forever"]) == 2
    assert "--months or --forever" in capsys.readouterr().err
    assert run(["retention", "--workspace", "acme", "--months", "0"]) == 2
    assert "retention_months is 0; choose from 1 to 120 months." in capsys.readouterr().err
