"""Locks on files, held until they are closed or their process ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class FileLock:
    """An open file with `flock` on it; unlike POSIX record locks it counts within one process too."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def share(self) -> None:
        """Hold the lock together with everyone else who shares it; waits while somebody has it alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def take(self) -> None:
        """Hold the lock alone; waits for the others to leave."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Hold the lock alone if nobody else holds it at all."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go."""
        os.close(self._file)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the file's lock alone for the length of the block."""
    lock = FileLock(path)
    try:
        lock.take()
        yield
    finally:
        lock.close()
