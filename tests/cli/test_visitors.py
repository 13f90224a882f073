"""`cdp visitors`, called as a shell calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdp.cli import run

pytestmark = pytest.mark.usefixtures("logs_as_before")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["visitors", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_secrets_are_made_rotated_listed_and_revoked(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run(["workspaces", "create", "acme"]) == 0
    capsys.readouterr()
    made = told(capsys, "create", "--workspace", "acme", "--name", "shop")
    kid, key = re.findall(r"^kid (cdp_vis_\w{22})\nkey (cdp_vsec_\w{43})$", made, re.MULTILINE)[0]
    again = told(capsys, "rotate", "1", "--workspace", "acme", "--overlap-hours", "2")
    assert "cdp_vsec_" in again
    assert kid not in again
    assert told(capsys, "revoke", "2", "--workspace", "acme") == "Secret 2 is revoked.\n"
    listed = told(capsys, "list", "--workspace", "acme")
    assert re.findall(r"^ +(\d) .+(good until|revoked) ", listed, re.MULTILINE) == [
        ("1", "good until"),
        ("2", "revoked"),
    ]
    assert key not in listed
    kept = tmp_path / "key"
    kept.write_text(f"{key}\n")
    assert re.fullmatch(
        r"[\w-]+\.[\w-]+\.[\w-]+\n", told(capsys, "sign", "ann", "--kid", kid, "--key-file", str(kept))
    )
    assert run(["visitors", "revoke", "9", "--workspace", "acme"]) == 1
    assert "There is no secret 9" in capsys.readouterr().err
