"""`cdp plugins new`: what is begun works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdp.cli import run
from cdp.kit.package import THEMES
from tests.kit.conftest import Run, installed

pytestmark = pytest.mark.usefixtures("logs_as_before")


def begin(folder: Path, name: str, *options: str) -> int:
    return run(["plugins", "new", name, "--into", str(folder), *options])


def test_every_theme_is_begun_with_a_test_that_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run_python: Run
) -> None:
    themes = [option for theme in THEMES for option in ("--with", theme.name)]
    assert begin(tmp_path, "night-owls", *themes) == 0
    folder = tmp_path / "night-owls"
    *files, _, then = capsys.readouterr().out.splitlines()
    assert sorted(files) == sorted(str(file) for file in folder.rglob("*") if file.is_file())
    assert then == f"Next: cd {folder} && pip install -e '.[dev]' && pytest"
    installed(folder, "night-owls")
    said = run_python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert f"{len(THEMES)} passed" in said
    assert "sample" not in "".join(file.read_text() for file in folder.rglob("*.*") if file.is_file()).lower()
    listed = run_python(folder, "-m", "cdp", "plugins")
    (shown,) = re.findall(r"^night_owls 0\.1\.0 .*\n((?:  \w+\n)+)", listed, re.MULTILINE)
    assert sorted(shown.split()) == sorted(hook for theme in THEMES for hook in theme.hooks)


def test_what_is_begun_keeps_our_own_rules(tmp_path: Path, run_python: Run) -> None:
    assert begin(tmp_path, "tidy", *(option for theme in THEMES for option in ("--with", theme.name))) == 0
    rules = ("--isolated", "--select", "E,F,W,B,UP,SIM,RUF", "--line-length", "110")
    assert "passed" in run_python(tmp_path / "tidy", "-m", "ruff", "check", *rules, ".")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Night", "cannot be the name of a plugin"),
        ("night--owls", "cannot be the name of a plugin"),
        ("class", "cannot be the name of a plugin"),
        ("x" * 41, "cannot be the name of a plugin"),
        ("../up", "cannot be the name of a plugin"),
        ("json", "There is a module json already"),
        ("taken", "taken is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    assert begin(tmp_path, name) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
