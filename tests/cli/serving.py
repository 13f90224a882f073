"""`cdp` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PORT = re.compile(r"http://127\.0\.0\.1:(\d+)")


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cdp", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )


@contextmanager
def working(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The process of `cdp worker`, as soon as it is at work; it is stopped at the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cdp", "worker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert "Settling" in process.stdout.readline()
        yield process
    finally:
        _stop(process)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The URL of `cdp serve`, and its process; it is stopped at the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cdp", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    try:
        yield f"http://127.0.0.1:{_port(process)}", process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def _port(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := PORT.search(line):
            return found[1]
    raise AssertionError(f"cdp serve ended: {''.join(said)}")


def environment() -> dict[str, str]:
    """This process's, without what names a database."""
    named = {"DATABASE_URL", "CDP_DATABASE_URL", "CDP_DATA"}
    return {name: value for name, value in os.environ.items() if name not in named} | {
        "CDP_LOG_LEVEL": "warning"
    }
