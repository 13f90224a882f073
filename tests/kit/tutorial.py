"""The tutorial, from nothing, outside of the repository: its steps and no others. Run by `make tutorial`."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.steps import Terminal, environment_of, packages, steps, with_packages

PATIENCE = 60.0
PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(prefix="diptych-tutorial-") as folder:
        Path(folder).chmod(0o755)
        work = Path(folder) / "work"
        work.mkdir()
        terminal = Terminal(work, environment_of(Path(folder)))
        yield terminal
        terminal.close()


def answered(terminal: Terminal, asked: str, answer: object) -> None:
    """A machine that is busy settles, and reloads, later than a reader's: the same question is asked again then."""
    until = time.monotonic() + PATIENCE
    while terminal.answered() != answer and time.monotonic() < until:
        terminal.run(asked)
    assert terminal.answered() == answer


def test_the_steps_of_the_tutorial_lead_to_a_plugin_that_works(terminal: Terminal) -> None:
    asked = ""
    site = packages(terminal.folder.parent / "packages")
    for language, text in steps(PAGE):
        match language:
            case "python":
                file, _, content = text.partition("\n")
                (terminal.folder / "campus" / file.removeprefix("# ")).write_text(content)
            case "json":
                answered(terminal, asked, json.loads(text))
            case "sh" if text.startswith("cdp serve"):
                terminal.serve(text)
            case "sh" if text.startswith("python3 -m venv"):
                first, rest = text.split("\n", 1)
                terminal.run(first)
                with_packages(terminal.folder / ".venv", site)
                terminal.run(rest)
            case "sh":
                terminal.run(text)
                asked = text[text.rfind("curl ") :]
                said = terminal.said
                if text == "pytest\n":
                    assert "3 passed" in said, said
                if "plugins check" in text:
                    assert "OK    resolve_roles: " in said, said
                    assert "FAIL" not in said, said
            case other:
                assert other is None
