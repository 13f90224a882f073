"""What is installed from a wheel: all of it, and it works without the repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import cdp
from tests.cli.serving import environment

ROOT = Path(cdp.__file__).parent.parent


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """A folder that the wheel was unpacked into, as an installer does."""
    with tempfile.TemporaryDirectory(prefix="diptych-wheel-") as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        made = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert made.returncode == 0, made.stderr
        (wheel,) = Path(folder).glob("diptych-*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(Path(folder) / "site")
        yield Path(folder) / "site"


def run(site: Path, *arguments: str) -> str:
    """What a command of the unpacked wheel prints; the repository is nowhere on its path."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=site.parent,
        env=environment() | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_of_the_packages_is_in_the_wheel(site: Path) -> None:
    """Statements, examples and data as well as modules; and the migrations, which live elsewhere."""
    missing = []
    for top in (ROOT / "cdp", *(ROOT / "plugins").glob("diptych_*")):
        for file in top.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                inside = site / top.name / file.relative_to(top)
                if not inside.is_file() or inside.read_bytes() != file.read_bytes():
                    missing.append(str(file.relative_to(ROOT)))
    assert missing == []
    names = sorted(file.name for file in (ROOT / "migrations").glob("*.sql"))
    assert sorted(file.name for file in (site / "cdp" / "migrations").iterdir()) == names


def test_the_wheel_migrates_a_database_and_finds_its_plugins(site: Path, data_folder: Path) -> None:
    """With its own copy of the code, of the migrations and of the entry points."""
    assert run(site, "-c", "import cdp; print(cdp.__file__)").strip() == str(site / "cdp" / "__init__.py")
    names = sorted(file.name for file in (ROOT / "migrations").glob("*.sql"))
    place = ("--data", str(data_folder))
    assert run(site, "-m", "cdp", "migrate", *place).splitlines() == [f"applied {name}" for name in names]
    said = run(site, "-m", "cdp", "doctor", *place)
    assert "OK    migrations: all applied" in said
    assert "OK    plugin diptych_roles: loaded from diptych" in said
    assert "Example: cdp demo" in run(site, "-m", "cdp", "demo", "--help")
