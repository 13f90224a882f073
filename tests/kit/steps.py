"""A page's steps, taken: files written, commands run, answers compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOCAL = "http://127.0.0.1:8000"
_ROOT = Path(__file__).parents[2]
_END = "───"


def steps(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def packages(folder: Path) -> Path:
    """What the suite's environment has, but for Diptych and pip: instead of an index that a reader has at hand."""
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").symlink_to(Path(sys.executable).parent)
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        ours = one.name.lower().startswith(
            ("diptych", "_editable_impl_diptych", "pip-", "distutils-precedence")
        )
        if not ours and one.name not in {"pip", "cdp"}:
            (site / one.name).symlink_to(one)
    return site


@dataclass
class Terminal:
    """A shell that keeps its place and its variables, and a second one for what goes on running."""

    folder: Path
    environment: dict[str, str]
    url: str = LOCAL
    said: str = ""
    """What the last commands printed."""
    _shell: subprocess.Popen[str] | None = None
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, commands: str) -> None:
        """Run them; each has to succeed."""
        if self._shell is None:
            self._shell = self._bash()
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        text = commands.replace(LOCAL, self.url)
        shell.stdin.write(f"{text}\necho; echo '{_END}'\n")
        shell.stdin.flush()
        lines = []
        for line in shell.stdout:
            if line.startswith(_END):
                self.said = "".join(lines)
                return
            lines.append(line)
        raise AssertionError(f"{commands}\n{''.join(lines)}")

    def serve(self, command: str) -> None:
        """Run it beside, from the shell's place, on a free port, until the end."""
        self.run("pwd; echo $VIRTUAL_ENV")
        place, environment = self.said.split()
        log = self.folder / "server.log"
        with log.open("w") as printed:
            served = subprocess.Popen(
                ["bash", "-c", f". {environment}/bin/activate && exec {command.strip()} --port 0"],
                cwd=place,
                env=self.environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self._running.append(served)
        while served.poll() is None:
            if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
                self.url = found[0]
                return
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    def answered(self) -> Any:
        """The JSON that was printed last; curl ends no line."""
        said, answer = self.said[self.said.find("{") :].strip(), None
        while said.startswith("{"):
            answer, end = json.JSONDecoder().raw_decode(said)
            said = said[end:].lstrip()
        assert said == "", said
        return answer

    def close(self) -> None:
        for one in self._running:
            one.terminate()
            one.communicate(timeout=60)
        if self._shell is not None:
            self._shell.communicate(timeout=60)

    def _bash(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-e"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def with_packages(environment: Path, site: Path) -> None:
    """What an index would give: packages on the path of a virtual environment, and the programs that they bring."""
    here = environment / "lib" / site.parent.name / "site-packages"
    (here / "packages.pth").write_text(f"{site}\n")
    program = environment / "bin" / "pytest"
    program.write_text(f"#!{environment}/bin/python\nimport pytest, sys\nsys.exit(pytest.console_main())\n")
    program.chmod(0o755)


def environment_of(folder: Path) -> dict[str, str]:
    """As of somebody who has a checkout of Diptych, and no index to download from."""
    names = ("PATH", "LANG", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    path = os.pathsep.join(one for one in kept["PATH"].split(os.pathsep) if ".venv" not in one)
    python = Path(sys.base_prefix) / "bin"
    return kept | {
        "PATH": f"{python}{os.pathsep}{path}",
        "HOME": str(folder),
        "DIPTYCH": str(_ROOT),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def has_bash() -> bool:
    return shutil.which("bash") is not None
