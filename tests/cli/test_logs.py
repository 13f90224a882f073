"""What a process writes to standard error while it works."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from cdp.cli.logs import configure_logging
from cdp.settings import Settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_what_libraries_log_is_one_line_of_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A pool that restores a connection logs a traceback: machines that read JSON, and people, need its last line."""
    configure_logging(Settings(log_format="json"))
    error = ConnectionRefusedError("nobody listens")
    logging.getLogger("asyncpg.pool").warning("Failed to restore %s", "the floor", exc_info=error)
    line = json.loads(capsys.readouterr().err)
    del line["timestamp"]
    assert line == {
        "event": "Failed to restore the floor",
        "level": "warning",
        "logger": "asyncpg.pool",
        "error": "ConnectionRefusedError: nobody listens",
    }
