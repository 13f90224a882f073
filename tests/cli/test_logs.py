"""What a process writes to standard error while it works."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from cdp.cli.logs import configure_logging, log_uncaught
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


def test_what_libraries_and_nobody_caught_is_logged_without_its_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They quote what was worked on; of a task's failure, asyncio writes the error into a line of its own."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    configure_logging(Settings(log_format="json"))
    log_uncaught()
    error = ValueError("about Ann Archer")
    logging.getLogger("asyncio").error("Task exception\nfuture: %r", error, exc_info=error)
    logging.getLogger("uvicorn.error").error("no route to %s", "ann@example.com")

    def fall() -> None:
        raise error

    thread = threading.Thread(target=fall)
    thread.start()
    thread.join()
    # What happens to an error in a destructor.
    sys.unraisablehook(SimpleNamespace(exc_value=error))  # type: ignore[arg-type]
    said = capsys.readouterr().err
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["event"], line.get("error")) for line in lines] == [
        ("Task exception", "ValueError"),
        ("no route to •••", None),
        ("thread_failed", "ValueError"),
        ("error_could_not_be_raised", "ValueError"),
    ]
    assert "Ann" not in said
