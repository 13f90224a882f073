"""New packages as if they were installed, and the fixtures of `cdp.testing`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cdp.db.embedded import EmbeddedPostgres
from cdp.kit.databases import Databases
from cdp.testing import calls, cdp_plugins, cdp_settings, clock, core, ingest, query, settle
from tests.cli.serving import environment

__all__ = ["calls", "cdp_plugins", "cdp_settings", "clock", "core", "ingest", "query", "settle"]

Run = Callable[..., str]


@pytest.fixture(scope="session")
def cdp_databases(postgres: EmbeddedPostgres, template: str) -> Databases:
    """Those of the suite: no second server is started for them."""
    return Databases(postgres, template)


def installed(folder: Path, name: str) -> None:
    """What `pip install -e` leaves behind, so that the package in the folder is found by its entry point."""
    module = name.replace("-", "_")
    facts = folder / f"{module}-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (facts / "entry_points.txt").write_text(f"[cdp.plugins]\n{module} = {module}\n")


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Runs Python in a folder, with a package of that folder installed; the answer is what it printed."""

    def run(folder: Path, *arguments: str, status: int = 0) -> str:
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment() | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run
