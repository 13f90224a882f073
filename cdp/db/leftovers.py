"""What a server that was killed leaves behind: notes that it runs, and processes that have not heard of its end."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_PROCESSES = Path("/proc")
_WITHIN = 30.0
"""Seconds that a killed server's processes have to end: those in the midst of a long statement notice after it."""
_LOOK = 0.02


def clear(data: Path) -> None:
    """Remove the notes of a server that is no more, once nobody works in the data folder.

    `pg_ctl` and PostgreSQL take any process of that number for the server: one that was killed and that nobody has
    reaped yet, or a stranger who got the number after the machine or the container was started again. The server
    itself works in its data folder, and so do the processes that it has started. Where the system does not tell where
    processes work, this does nothing.
    """
    note = data / "postmaster.pid"
    try:
        lines = note.read_text().split("\n")
        pid = int(lines[0])
    except (FileNotFoundError, ValueError):
        return
    try:
        if not (_PROCESSES / "self" / "cwd").exists() or _works_in(_PROCESSES / str(pid), data):
            return
    except PermissionError:
        return  # somebody else's server, for all that we know
    deadline = time.monotonic() + _WITHIN
    while _anybody_works_in(data):
        if time.monotonic() > deadline:
            return
        time.sleep(_LOOK)
    if len(lines) > 4 and lines[4]:
        # Beside the socket, wherever that is, lies another one.
        Path(lines[4], f".s.PGSQL.{lines[3]}.lock").unlink(missing_ok=True)
    note.unlink(missing_ok=True)


def _anybody_works_in(folder: Path) -> bool:
    for process in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(PermissionError):
            if _works_in(process, folder):
                return True
    return False


def _works_in(process: Path, folder: Path) -> bool:
    """Whether the folder is where the process works; one that is dead works nowhere.

    Raises:
        PermissionError: the process is another user's.
    """
    try:
        return (process / "cwd").readlink() == folder
    except (FileNotFoundError, ProcessLookupError):
        return False
